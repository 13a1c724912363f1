"""A delta between two versions of a pack of 94 MB: its size and time beside the full file and patches of its bytes.

Both versions are made of real chunks, see ``large``: documents of 8 to 40 of them, each chunk with vectors of its own and
each document with an original of compressed pages and pictures. Between them 2 % of the documents are edited (one chunk
in ten is written anew, one is added), 2 % are new and 1 % are gone.
"""

from __future__ import annotations

import hashlib
import io
import random
import resource
import tempfile
import time
import zlib
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import zstandard

from edge.engine.interface import Vectors
from edge.packs.manifest import Manifest
from edge.packs.pack import Pack
from edge.packs.partition import partition
from edge.packs.quantise import Int8Vectors, quantise
from edge.packs.record import Page, Record
from edge.packs.writer import IndexedDocument, IndexedVectors, sentence_texts, write_pack
from edge.sync.delta import apply, make
from edge.sync.delta.make import by_bytes
from tests.bench.figures import Figure
from tests.bench.large import Real, exchange, mover, reals, unit, word_vectors
from tests.bench.manuals import available
from tests.bench.packs import pack_of, starter
from tests.bench.program import main, say

CHUNKS = 14_000
CHUNKS_OF_DOCUMENT = 8, 40
EDITED, NEW, GONE = 0.02, 0.02, 0.01
REWRITTEN = 0.1
PICTURES = 9.0, 1.2
"""Bytes of pictures in an original, as mean and spread of their natural logarithm: half have over 8 KB, 5 % over 58."""


@dataclass(frozen=True)
class Made:
    """A document of the bench: ``vectors`` has one of each chunk and then those of its sentences, chunk by chunk."""

    name: str
    records: tuple[Record, ...]
    vectors: tuple[Int8Vectors, ...]
    pictures: bytes

    @property
    def original(self) -> bytes:
        """Every chunk's text compressed by itself, as the pages of a PDF are."""
        return b"".join(zlib.compress(record.text.encode()) for record in self.records) + self.pictures
