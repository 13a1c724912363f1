"""Documents are read, never made: its templates are not needed."""
