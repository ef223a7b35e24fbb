"""Compressed bodies: read whole, or refused; never larger than the limit."""

import gzip
import os
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from spanglass_collector.ingest.intake import TooLarge, Unreadable
from spanglass_collector.receivers.compression import ENCODINGS, decompress

LIMIT = 1 << 20
CONTENT = b"some text that occurs again, " * 3_000


def zstd_stream(*blocks: bytes) -> list[bytes]:
    """A frame in pieces, each a block of its own."""
    packer = zstandard.ZstdCompressor().compressobj()
    pieces = [
        packer.compress(block) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for block in blocks
    ]
    return [*pieces, packer.flush()]


PACKED = {
    "identity": lambda content: content,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


def test_every_encoding_has_a_test() -> None:
    assert set(ENCODINGS) == set(PACKED)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(content=st.binary(max_size=2_000))
def test_content_comes_back(encoding: str, content: bytes) -> None:
    assert decompress(PACKED[encoding](content), encoding, LIMIT) == content


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_content_as_large_as_the_limit_is_read(encoding: str) -> None:
    packed = PACKED[encoding](CONTENT)
    assert decompress(packed, encoding, len(CONTENT)) == CONTENT
    with pytest.raises(TooLarge):
        decompress(packed, encoding, len(CONTENT) - 1)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_stops_at_the_limit(encoding: str) -> None:
    bomb = PACKED[encoding](bytes(256 << 20))
    assert len(bomb) < LIMIT
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decompress(bomb, encoding, LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * LIMIT


def test_a_bomb_within_a_bomb_stops_at_the_limit() -> None:
    many = gzip.compress(bytes(LIMIT // 4)) * 64
    with pytest.raises(TooLarge):
        decompress(many, "gzip", LIMIT)
    frames = zstandard.compress(bytes(LIMIT // 4)) * 64
    with pytest.raises(TooLarge):
        decompress(frames, "zstd", LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_body_cut_at_any_byte_is_unreadable(encoding: str) -> None:
    packed = PACKED[encoding](CONTENT[:200])
    for size in range(len(packed)):
        with pytest.raises(Unreadable):
            decompress(packed[:size], encoding, LIMIT)


def test_a_zstd_frame_cut_between_blocks_is_unreadable() -> None:
    first, second, end = zstd_stream(b"a" * 100, b"b" * 100)
    assert decompress(first + second + end, "zstd", LIMIT) == b"a" * 100 + b"b" * 100
    for cut in (first, first + second):
        with pytest.raises(Unreadable):
            decompress(cut, "zstd", LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_members_one_after_another_are_all_read(encoding: str) -> None:
    packed = PACKED[encoding](b"one ") + PACKED[encoding](b"") + PACKED[encoding](b"two")
    assert decompress(packed, encoding, LIMIT) == b"one two"
    with pytest.raises(Unreadable):
        decompress(packed[:-3], encoding, LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("rest", [b"garbage", b"\x00"])
def test_what_follows_the_content_is_not_dropped_silently(encoding: str, rest: bytes) -> None:
    with pytest.raises(Unreadable):
        decompress(PACKED[encoding](b"content") + rest, encoding, LIMIT)


def test_a_zstd_frame_to_be_skipped_is_skipped() -> None:
    skipped = b"\x5f\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    assert decompress(skipped + zstandard.compress(b"x"), "zstd", LIMIT) == b"x"
    with pytest.raises(Unreadable):
        decompress(zstandard.compress(b"x") + skipped[:-1], "zstd", LIMIT)


@pytest.mark.parametrize("checksum", [True, False])
def test_zstd_blocks_of_every_kind(checksum: bool) -> None:
    content = os.urandom(300_000) + bytes(300_000) + CONTENT
    packed = zstandard.ZstdCompressor(write_checksum=checksum).compress(content)
    assert decompress(packed, "zstd", LIMIT) == content
    with pytest.raises(Unreadable):
        decompress(packed[:-1], "zstd", LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@given(body=st.binary(min_size=1, max_size=100))
def test_random_bytes_are_unreadable_or_small(encoding: str, body: bytes) -> None:
    try:
        content = decompress(body, encoding, LIMIT)
    except (Unreadable, TooLarge):
        return
    assert len(content) <= LIMIT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_an_empty_body_is_not_of_that_encoding(encoding: str) -> None:
    with pytest.raises(Unreadable):
        decompress(b"", encoding, LIMIT)


def test_a_zstd_window_that_takes_too_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(
        window_log=30, enable_ldm=True, write_content_size=False
    )
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = packed.compress(b"x" * 1_000) + packed.flush()
    with pytest.raises(Unreadable):
        decompress(body, "zstd", LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_thousands_of_empty_members_are_refused(encoding: str) -> None:
    member = PACKED[encoding](b"")
    assert decompress(member * 1_000 + PACKED[encoding](b"x"), encoding, LIMIT) == b"x"
    with pytest.raises(Unreadable, match="members"):
        decompress(member * 5_000, encoding, LIMIT)


def test_a_zstd_frame_of_very_many_empty_blocks_is_refused() -> None:
    packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    begin = packer.compress(b"a") + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    with pytest.raises(Unreadable, match="blocks"):
        decompress(begin + bytes(3) * 200_000 + b"\x01\x00\x00", "zstd", LIMIT)
