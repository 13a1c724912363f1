"""The ``edge`` command: one module for each group of commands.

A command collects its options and calls one function; ``ui`` draws and asks.
"""
