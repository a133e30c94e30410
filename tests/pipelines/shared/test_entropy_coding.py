from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.shared.entropy_coding import (
    CODERS,
    decode,
    decode_masks,
    encode,
    encode_masks,
    pack_planes,
    planes_bytes,
    unpack_planes,
)
from pipelines.shared.errors import UserError


def masks_of(tasks: int, count: int, density: float = 0.3) -> np.ndarray:
    return np.random.default_rng(tasks * 1000 + count).random((tasks, count)) < density


@pytest.mark.parametrize("content", [b"", b"a", b"ab" * 5000, bytes(range(256)) * 3])
def test_every_content_comes_back(content: bytes) -> None:
    coder, coded = encode(content)
    assert coder in CODERS and len(coded) <= len(content)
    assert decode(coder, coded, len(content)) == content


def test_noise_stays_as_it_is() -> None:
    noise = np.random.default_rng(0).bytes(10_000)
    assert encode(noise) == ("raw", noise)


@pytest.mark.parametrize("coder", ["zlib", "bz2", "lzma"])
def test_a_damaged_or_too_long_stream_is_refused(coder: str) -> None:
    with pytest.raises(UserError):
        decode(coder, b"\x00damaged\xff" * 3, 100)
    with pytest.raises(UserError, match="not 100"):
        decode("raw", b"x" * 99, 100)


def test_a_stream_that_expands_beyond_its_size_is_refused() -> None:
    coder, coded = encode(b"\0" * 1_000_000)
    with pytest.raises(UserError):
        decode(coder, coded[:-2] if coder == "zlib" else coded, 1_000_001)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(0, 70))
def test_planes_come_back_for_any_number_of_weights(tasks: int, count: int) -> None:
    masks = masks_of(tasks, count)
    content = pack_planes(masks)
    assert len(content) == planes_bytes(tasks, count)
    assert (unpack_planes(content, tasks, count) == masks).all()


def test_planes_stand_least_bit_first_with_the_tasks_of_a_tile_together() -> None:
    masks = np.zeros((2, 4097), bool)
    masks[0, [0, 9]], masks[1, 4096] = True, True
    content = np.frombuffer(pack_planes(masks), np.uint8)
    assert len(content) == 4 * 512
    assert (content[0], content[1], content[512], content[3 * 512]) == (1, 2, 0, 1)
    assert content.sum() == 4  # what fills the last tile is zero


@pytest.mark.parametrize("tasks", [1, 2, 3, 4, 8, 11])
def test_coded_masks_come_back(tasks: int) -> None:
    masks, context = masks_of(tasks, 3001), np.arange(3001) % 7
    coder, coded = encode_masks(masks, context)
    assert (decode_masks(coder, coded, tasks, context) == masks).all()


def test_masks_that_follow_their_context_take_fewer_bytes_than_their_own_entropy() -> None:
    rng = np.random.default_rng(0)
    context = rng.integers(0, 2, 80_000)
    masks = rng.random((4, 80_000)) < np.where(context, 0.9, 0.05)
    share = masks.mean()
    entropy_bytes = masks.size * (-share * np.log2(share) - (1 - share) * np.log2(1 - share)) / 8
    _, coded = encode_masks(masks, context)
    assert len(coded) < 0.55 * entropy_bytes
