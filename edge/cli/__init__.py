"""The ``edge`` command: one module a command, each of which declares, collects its options and calls one function."""
