"""Models as they lie on the disk."""
