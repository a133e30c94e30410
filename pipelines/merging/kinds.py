"""What a tensor of a network does, told from its name and shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.merging.layout import Slot

OTHER = "other weights"
EMBEDDING = "embedding"
KINDS = (  # the first pattern that is found in a key names its kind
    ("norm", r"norm|\bln\b|\.ln_"),
    ("bias", r"bias$"),
    ("query, key, value", r"qkv|q_proj|k_proj|v_proj|query|\bkey|value|modality_kv"),
    ("attention", r"attn|attention|\bout\b|project"),
    ("mlp", r"mlp|ffn|feed_forward|\bfc\d?|\bup\b|\bdown\b|expand|shrink|reduce"),
    ("convolution", r"conv|depthwise|stem"),
    (EMBEDDING, r"embed|position|token|prototypes"),
)


def kind_of(key: str) -> str:
    """What a tensor does, from its name: a kind of KINDS, or OTHER."""
    return next((kind for kind, pattern in KINDS if re.search(pattern, key)), OTHER)


def is_matrix(slot: Slot) -> bool:
    """Whether a tensor is a linear map, (out, the rest): one with singular values that mean something.

    Not one: a vector, whichever axes of length 1 it has, such as positions of (1, 64, 96), and a table of embeddings,
    whose rows are looked up and never multiplied by what comes in. A convolution called "embed" is one.
    """
    count, rows = slot.stop - slot.start, slot.shape[0] if slot.shape else 1
    is_table = len(slot.shape) == 2 and kind_of(slot.key) == EMBEDDING
    return rows > 1 and count > rows and not is_table
