"""Run before edge: tells OpenSSL where this system keeps its certificates, where that is not as on Debian."""

import os

DEBIAN = "/etc/ssl/certs/ca-certificates.crt"
OTHERS = (
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",  # SUSE
)


def find(root: str = "/") -> str:
    """Find the system's file of certificates; empty where OpenSSL finds them by itself, or there is none."""
    places = [os.path.join(root, path[1:]) for path in (DEBIAN, *OTHERS)]
    found = next(filter(os.path.exists, places), places[0])
    return "" if found == places[0] else found


if not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys() and (file := find()):
    os.environ["SSL_CERT_FILE"] = file
