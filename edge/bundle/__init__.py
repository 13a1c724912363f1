"""The one-file program as a file: its parts, their checks, and how parts are added and removed."""
