"""What reaches a device from its publisher: trust in it, the roads it comes by, and its installation."""
