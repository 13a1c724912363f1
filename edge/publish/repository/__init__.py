"""The publisher's repository: signed metadata and targets that devices trust, and the keys that sign it."""
