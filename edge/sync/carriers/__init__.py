"""The roads by which a repository reaches a device; one interface, one module a road."""
