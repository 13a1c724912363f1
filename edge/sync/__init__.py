"""Updates of a device: trust in its publisher, carriers of the repository, and installation."""
