"""The ``edge`` command: one module for each group of commands. Each command collects its options and calls one function;
drawing and asking is left to ``ui``.
"""
