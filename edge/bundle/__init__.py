"""The one-file program as a file: what it carries, whether that is undamaged, and the same file with more or less in it."""
