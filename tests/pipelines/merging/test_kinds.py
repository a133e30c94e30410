"""What names and shapes tell."""

from __future__ import annotations

import pytest

from pipelines.merging.kinds import is_matrix, kind_of
from pipelines.merging.layout import Layout


@pytest.mark.parametrize(
    ("key", "kind"),
    [("blocks.2.norm1.bias", "norm"), ("blocks.0.qkv.weight", "query, key, value"),
     ("blocks.0.out.weight", "attention"), ("blocks.3.expand.weight", "mlp"),
     ("block1.dense.convs.0.weight", "convolution"), ("position", "embedding"),
     ("blocks.1.qkv.bias", "bias"), ("anything", "other weights")],
)  # fmt: skip
def test_a_key_tells_what_its_tensor_does(key: str, kind: str) -> None:
    assert kind_of(key) == kind


@pytest.mark.parametrize(
    ("key", "shape", "expected"),
    [("blocks.0.qkv.weight", (96, 32), True), ("stem.weight", (8, 3, 3, 3), True),
     ("segmentation.embed.0.weight", (24, 3, 7, 7), True),  # a convolution for all its name
     ("blocks.0.norm.weight", (96,), False), ("logit_scale", (), False),
     ("position", (1, 64, 96), False), ("head.exist.weight", (1, 128), False), ("gains", (32, 1, 1), False),
     ("text.position", (24, 128), False), ("prototypes", (66, 96), False)],
)  # fmt: skip
def test_linear_maps_are_told_from_vectors_and_tables(key: str, shape: tuple[int, ...], expected: bool) -> None:
    assert is_matrix(Layout.of([(key, shape)]).slots[0]) == expected
