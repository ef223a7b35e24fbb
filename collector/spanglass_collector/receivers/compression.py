"""Decompression that stops at a limit, so that a small body can't become a large one."""

import zlib
from typing import Final

import zstandard

from spanglass_collector.ingest.intake import TooLarge, Unreadable

#: Encodings that are understood, as `Content-Encoding` names them.
ENCODINGS: Final = ("identity", "gzip", "deflate", "zstd")
_PIECE: Final = 8 << 10
#: Most members of a body, one after another: each costs as much as some kilobytes of content.
_MOST_MEMBERS: Final = 4096
#: Most blocks of a zstd frame; a block has 128 KiB of content where nobody flushes.
_MOST_BLOCKS: Final = 1 << 17
#: How a zstd frame begins that holds nothing to unpack, behind its first byte.
_SKIPPABLE: Final = b"\x2a\x4d\x18"


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
    view = memoryview(body)
    chunks: list[bytes] = []
    at = size = members = 0
    stream = None
    while at < len(view):
        if stream is None or stream.eof:
            members = _count_member(members, encoding)
            # 32: zlib finds out itself whether it is gzip, of which there can be several one
            # after another, or zlib; both go by the name of deflate.
            stream = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
        piece = view[at : at + _PIECE]
        try:
            content = stream.decompress(piece, limit + 1 - size)
        except zlib.error as error:
            raise Unreadable(f"The body is not {encoding}: {error}.") from error
        at += len(piece) - len(stream.unused_data)
        size += len(content)
        if size > limit:
            raise TooLarge(limit)
        chunks.append(content)
    if stream is None or not stream.eof:
        raise Unreadable(f"The {encoding} body is cut off.")
    return b"".join(chunks)


def _zstd(body: bytes, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        _check_zstd_is_whole(body)
        unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        with unpacker.stream_reader(body, read_across_frames=True) as reader:
            while content := reader.read(min(limit + 1 - size, 1 << 20)):
                size += len(content)
                if size > limit:
                    raise TooLarge(limit)
                chunks.append(content)
    except zstandard.ZstdError as error:
        raise Unreadable(f"The body is not zstd: {error}.") from error
    return b"".join(chunks)


def _count_member(before: int, encoding: str) -> int:
    if before == _MOST_MEMBERS:
        raise Unreadable(
            f"The {encoding} body has more than {_MOST_MEMBERS} members one after another."
            " Compress it as one."
        )
    return before + 1


def _check_zstd_is_whole(body: bytes) -> None:
    """Walks from block to block: the library takes a frame that is cut off for a shorter one.

    Source: RFC 8878, section 3.1.
    """
    at, end, frames = 0, len(body), 0
    while at < end:
        frames = _count_member(frames, "zstd")
        if body[at + 1 : at + 4] == _SKIPPABLE and body[at] >> 4 == 5:
            at += 8 + int.from_bytes(body[at + 4 : at + 8], "little")
            continue
        head = body[at : at + 18]
        has_checksum = zstandard.get_frame_parameters(head).has_checksum
        at += zstandard.frame_header_size(head)
        is_last = False
        blocks = 0
        while not is_last and at < end:
            blocks += 1
            if blocks > _MOST_BLOCKS:
                raise Unreadable(f"The zstd body has more than {_MOST_BLOCKS} blocks.")
            block = int.from_bytes(body[at : at + 3], "little")
            is_last = bool(block & 1)
            # A block of one repeated byte holds that byte; its size is how often.
            at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if not is_last:
            at = end + 1
        at += 4 if has_checksum else 0
    if at != end or not body:
        raise Unreadable("The zstd body is cut off.")
