"""Documents to packs."""
