"""edge: an offline assistant that answers field technicians from signed knowledge packs."""

__version__ = "0.1.0"
