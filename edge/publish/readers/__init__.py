"""One module a file format; each turns bytes into a ``SourceDocument``."""
