"""Files inside the one-file program, read where they are."""
