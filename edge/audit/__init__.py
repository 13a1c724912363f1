"""What was answered, from what and by what: an append-only log that can be proved later, without a network."""
