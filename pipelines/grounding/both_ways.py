"""Every question put twice: about the picture, and about its mirror image with left and right exchanged in the words.

The mean of both answers is given. So what is found in a mirrored picture is the mirrored answer, whatever the network
has learned of sides, and two looks blur what one of them imagines. Ours; PLVL (arXiv:2504.16145) answers once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import torch

from pipelines.grounding.augmentation import mirrored
from pipelines.grounding.tokenizer import tokenize

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.grounding.head import Outputs
    from pipelines.grounding.plvl import PLVL

ATTENTION = "words"  # shown of the picture as it is: the other look hears other words


def asked_both_ways(network: PLVL, pixels: Tensor, texts: Sequence[str], owner: Tensor) -> Outputs:
    """What the network says of expressions; pixels (S, 3, side, side), `owner` (B,) says which is about which."""
    pictures = torch.cat([pixels, pixels.flip(3)])
    owners = torch.cat([owner, owner + len(pixels)])
    outputs = network(pictures, tokenize([*texts, *map(mirrored, texts)]).to(pixels.device), owners)
    return _mean(_part(outputs, slice(0, len(texts))), _turned(_part(outputs, slice(len(texts), None))))


def _part(outputs: Outputs, rows: slice) -> Outputs:
    found = {one.name: getattr(outputs, one.name)[rows] for one in fields(outputs) if one.name != ATTENTION}
    return replace(outputs, **found, words=tuple(words[rows] for words in outputs.words))


def _turned(outputs: Outputs) -> Outputs:
    """Answers about a mirror image, as they lie in the picture."""
    x, y = outputs.offset.flip(3).unbind(1)
    return replace(
        outputs,
        centre=outputs.centre.flip(2),
        offset=torch.stack([1 - x, y], 1),
        size=outputs.size.flip(3),
        mask=outputs.mask.flip(2),
        anchor=outputs.anchor.flip(2),
    )


def _mean(first: Outputs, second: Outputs) -> Outputs:
    found = {one.name: (getattr(first, one.name) + getattr(second, one.name)) / 2
             for one in fields(first) if one.name != ATTENTION}  # fmt: skip
    return replace(first, **found)
