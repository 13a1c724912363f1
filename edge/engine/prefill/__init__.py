"""Computed prompt beginnings, kept on the disk."""
