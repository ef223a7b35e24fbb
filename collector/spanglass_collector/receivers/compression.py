"""Decompression that stops at a limit, so that a small body can't become a large one."""

import zlib
from typing import Final

import zstandard

from spanglass_collector.ingest.intake import TooLarge, Unreadable

#: Encodings that are understood, as `Content-Encoding` names them.
ENCODINGS: Final = ("identity", "gzip", "deflate", "zstd")


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The content of a body.

    Args:
        body: as it came.
        encoding: one of `ENCODINGS`.
        limit: most bytes that may come out.

    Raises:
        TooLarge: if more comes out.
        Unreadable: if the body is not of that encoding, or cut off.
    """
    if encoding == "identity":
        return body
    if encoding == "zstd":
        return _zstd(body, limit)
    return _zlib(body, encoding, limit)


def _zlib(body: bytes, encoding: str, limit: int) -> bytes:
    # 32: zlib finds out itself whether it is gzip or zlib; both go by the name of deflate.
    stream = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise Unreadable(f"The body is not {encoding}: {error}.") from error
    if len(content) > limit:
        raise TooLarge
    if not stream.eof:
        raise Unreadable(f"The {encoding} body is cut off.")
    return content


def _zstd(body: bytes, limit: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            body, read_across_frames=True
        ) as reader:
            content = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise Unreadable(f"The body is not zstd: {error}.") from error
    if len(content) > limit:
        raise TooLarge
    if not content and body:
        raise Unreadable("The zstd body is cut off.")
    return content
