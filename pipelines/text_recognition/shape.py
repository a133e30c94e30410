"""The sizes of an IGTR network; presets differ by these numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.text_recognition.fit import HEIGHT_PX, WIDTH_PX


@dataclass(frozen=True)
class Shape:
    """Sizes of one network. Pairs and triples go by stage.

    Attributes:
        stem: channels of the two convolutions of stride 2; the second is the width of stage 1.
        width: channels of stages 1 to 3; the last is also the decoder's.
        convolutions: convolution blocks of stages 1 and 2.
        groups: groups of their 5 x 5 convolutions; widths of 16 are what CPUs like.
        attentions: attention blocks of stages 2 and 3.
        heads: attention heads of stages 2 and 3; the decoder has those of stage 3.
        ratio: hidden width of every perceptron, as a multiple of the block's.
        merge_rows: row strides of the convolutions between the stages.
        drop_path: share of samples that pass over the last block in training; falls to 0 towards the first.
    """

    stem: tuple[int, int]
    width: tuple[int, int, int]
    convolutions: tuple[int, int]
    groups: tuple[int, int]
    attentions: tuple[int, int]
    heads: tuple[int, int]
    ratio: int
    merge_rows: tuple[int, int]
    drop_path: float = 0.0

    @property
    def columns(self) -> int:
        """Columns of every token grid: a quarter of the width."""
        return WIDTH_PX // 4

    @property
    def rows(self) -> int:
        """Rows of the last token grid."""
        return HEIGHT_PX // 4 // (self.merge_rows[0] * self.merge_rows[1])

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the last token grid: 32 x 128 pixels give 64 tokens (N) or 128 (S)."""
        return self.rows, self.columns


SHAPES = {
    "N": Shape((24, 48), (48, 96, 160), (2, 2), (3, 6), (1, 2), (3, 5), 2, (2, 2)),
    "S": Shape((32, 64), (64, 128, 192), (3, 2), (4, 8), (2, 3), (4, 6), 3, (2, 1), drop_path=0.05),
    "test": Shape((8, 16), (16, 16, 32), (1, 1), (1, 1), (1, 1), (1, 2), 2, (2, 2)),
}
