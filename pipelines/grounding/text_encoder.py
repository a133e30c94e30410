"""The text encoder: words, their letters and their places to one token each, the first a summary.

The paper (PLVL, arXiv:2504.16145) fine-tunes BERT; a closed world of a few hundred words needs two small layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.grounding.layers import SelfBlock
from pipelines.grounding.shape import Shape
from pipelines.grounding.tokenizer import GRAMS, ROWS, TOKENS, Tokens


class TextEncoder(nn.Module):
    """Tokens to features (B, 24, d)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.words = nn.Parameter(0.1 * torch.randn(ROWS, shape.width))
        self.grams = nn.Parameter(0.1 * torch.randn(GRAMS, shape.width))
        self.position = nn.Parameter(0.02 * torch.randn(TOKENS, shape.width))
        self.blocks = nn.ModuleList(SelfBlock(shape.width, shape.heads, 2) for _ in range(shape.text_layers))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, tokens: Tokens) -> Tensor:
        is_gram = (tokens.grams != 0).unsqueeze(-1)
        letters = (nn.functional.embedding(tokens.grams, self.grams) * is_gram).sum(2) / is_gram.sum(2).clamp_min(1)
        x = nn.functional.embedding(tokens.words, self.words) + letters + self.position
        for block in self.blocks:
            x = block(x, tokens.valid)
        return self.norm(x)  # (B, T, d)
