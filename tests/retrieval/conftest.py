"""Source folders for packs, as the tests of ingestion make them."""

from __future__ import annotations

from tests.ingest.conftest import make_source

__all__ = ["make_source"]
