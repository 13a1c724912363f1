"""The carriers of a repository to a device: one interface, one module for each."""
