"""The one-file program as a file: what it carries, whether that is undamaged, and how it gets more or less."""
