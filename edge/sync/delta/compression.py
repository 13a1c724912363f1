"""Zstandard with a base: what the new data shares with the base costs next to nothing.

The base is a dictionary of raw content, as in ``zstd --patch-from``. Nothing is expanded beyond what was announced.
"""

from __future__ import annotations

import zstandard

from edge.errors import PackError

LEVEL = 19
HASH_LOG, CHAIN_LOG = 25, 27
"""Places of the base that are kept in mind. The level's own tables miss most of a large one: two packs of 82 MB made
26.5 MB with them and 2.1 MB with these, in 30 s and 1.6 GB. Expanding needs no tables."""

MIN_LOG, WINDOW_LOG = 10, 27
MAX_BYTES = 1 << WINDOW_LOG
"""How long data may be for all of its base to stay within reach, and a base for all of it to be found."""

INSTEAD = "Take the full pack instead."


def compress(data: bytes, base: bytes = b"") -> bytes:
    """Compress to one frame that states the length of its contents."""
    reach = (len(base) + len(data)).bit_length()
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        source_size=len(data),
        dict_size=len(base),
        window_log=max(MIN_LOG, min(WINDOW_LOG, len(data).bit_length())),
        hash_log=max(MIN_LOG, min(HASH_LOG, reach)),
        chain_log=max(MIN_LOG, min(CHAIN_LOG, reach)),
        write_content_size=True,
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=_make_dictionary(base)).compress(
        data
    )


def expand(frame: bytes, limit: int, base: bytes = b"") -> bytes:
    """Expand a frame of ``compress``.

    Args:
        limit: the most bytes that may come out; memory is taken for no more.

    Raises:
        PackError: not one whole frame, made with this base, of at most ``limit`` bytes.
    """
    try:
        if zstandard.get_frame_parameters(frame).content_size > limit:
            raise PackError(f"A part of the delta has more than {limit} bytes.", INSTEAD)
        decompressor = zstandard.ZstdDecompressor(dict_data=_make_dictionary(base), max_window_size=MAX_BYTES)
        return decompressor.decompress(frame, allow_extra_data=False)  # takes what the frame announces
    except zstandard.ZstdError as error:
        raise PackError(f"A part of the delta cannot be expanded: {error}.", INSTEAD) from error


def _make_dictionary(base: bytes) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None
