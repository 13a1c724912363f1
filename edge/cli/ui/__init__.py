"""Draws on a terminal and asks a person, for all commands."""
