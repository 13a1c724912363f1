"""What this machine can compute with."""
