"""The publisher's signed repository: what is published, by whom, and with which keys."""
