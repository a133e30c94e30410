"""The sizes of a PLVL network; presets differ by these numbers alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Sizes and two switches of one network.

    Attributes:
        side_px: side of the square input; its sixteenth is the side of the token grid and must be even.
        stem: channels of the first three convolutions of stride 2; the fourth has `width`.
        width: channels of every token, of pictures and of text.
        blocks: half of them local, every second one global.
        heads: attention heads.
        bottleneck: hidden width of the adapters of text.
        text_layers: blocks of the text encoder.
        paint: channels of the mask head at a quarter of the side.
        is_progressive: language enters in every global block (the paper); False puts the same injections behind the
            last block: late fusion with the same parameters.
        is_joint: centre and mask are made from shared features (the paper); False gives each its own.
    """

    side_px: int = 160
    stem: tuple[int, int, int] = (24, 48, 96)
    width: int = 128
    blocks: int = 8
    heads: int = 4
    bottleneck: int = 32
    text_layers: int = 2
    paint: int = 32
    is_progressive: bool = True
    is_joint: bool = True

    @property
    def grid(self) -> int:
        """Cells along a side of the token grid."""
        return self.side_px // 16

    @property
    def injections(self) -> int:
        """How often language enters."""
        return self.blocks // 2


SHAPES = {
    "C": Shape(),
    "G": Shape(side_px=224, width=160, heads=5),
    "test": Shape(side_px=64, stem=(4, 8, 8), width=16, blocks=4, heads=2, bottleneck=4, text_layers=1, paint=4),
}
