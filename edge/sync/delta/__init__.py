"""Updates between two versions of a pack: only changes travel, and the result is the new file byte for byte.

Trust never rests on a delta: what it makes is checked against the signed digest like every other pack.
"""

from edge.sync.delta.diff import make
from edge.sync.delta.patch import apply

__all__ = ["apply", "make"]
