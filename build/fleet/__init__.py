"""The one-file program in the forms a fleet takes it in: a Debian package with a service, a stick."""
