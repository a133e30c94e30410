"""From instructions and visual tokens to answers: instruction encoder, cross-modal fusion, answer head.

After IGTR (Zheng et al. 2025, arXiv:2401.17851): three tables and nothing else encode instructions; one fusion layer
lets questions, condition and picture look at the condition and the picture; two cross-attention layers answer. Ours:
the visual tokens carry a hint of the reading position (`PositionHint`), and answers to "which character" have a box.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.text_recognition.charset import CLASSES, MAX_LENGTH, SYMBOLS
from pipelines.text_recognition.instructions import COUNT, IS, PLACE, POSITIONS, Condition, Questions
from pipelines.text_recognition.layers import Attention, Perceptron
from pipelines.text_recognition.shape import Shape


class InstructionEncoder(nn.Module):
    """Tables of characters, positions and occurrences; a token is the sum of the rows its kind names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.characters = nn.Parameter(torch.randn(SYMBOLS, width) / self.scale)
        self.positions = nn.Parameter(torch.randn(POSITIONS, width) / self.scale)
        self.occurrences = nn.Parameter(torch.randn(POSITIONS, width) / self.scale)
        self.count = nn.Parameter(torch.randn(width) / self.scale)

    def condition(self, condition: Condition) -> Tensor:
        """Tokens of known characters, (B, M, d)."""
        tokens = F.embedding(condition.characters, self.characters) + F.embedding(condition.positions, self.positions)
        return self.scale * tokens

    def questions(self, questions: Questions) -> Tensor:
        """Tokens of questions, (B, Q, d)."""
        kind = questions.kind[..., None]
        tokens = (kind != 0) * F.embedding(questions.characters, self.characters)
        tokens = tokens + (kind <= IS) * F.embedding(questions.positions, self.positions)
        tokens = tokens + (kind == COUNT) * self.count
        tokens = tokens + (kind == PLACE) * F.embedding(questions.occurrence, self.occurrences)
        return self.scale * tokens

    def reading_positions(self, ordinals: Tensor) -> Tensor:
        """Rows of the position table between which the ordinals lie, mixed: (B, columns) -> (B, columns, d)."""
        rows = torch.arange(MAX_LENGTH + 2, device=ordinals.device, dtype=ordinals.dtype)
        shares = (1 - (ordinals[..., None] - rows).abs()).clamp_min(0)  # a tent over the two nearest positions
        return self.scale * shares @ self.positions[: MAX_LENGTH + 2]


def ordinals(ctc_logits: Tensor) -> Tensor:
    """How many characters begin up to each column, as the CTC head expects: (B, columns, 96) -> (B, columns), 0 to 26.

    A column begins a character by as much as it shows one that the column before it does not show. Without gradient:
    the head learns from its own loss alone.
    """
    shown = ctc_logits.detach().float().softmax(2)[..., :-1]
    before = F.pad(shown[:, :-1], (0, 0, 1, 0))
    return (shown - before).clamp_min(0).sum(2).cumsum(1).clamp_max(MAX_LENGTH + 1)


class Fusion(nn.Module):
    """One layer: everything looks at the condition, then at the picture, then thinks for itself (pre-norm)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, heads = shape.width[2], shape.heads[1]
        self.position = nn.Parameter(0.02 * torch.randn(1, shape.rows * shape.columns, width))
        self.hint = nn.Linear(width, width)
        self.to_condition, self.to_visual = Attention(width, heads), Attention(width, heads)
        self.perceptron = Perceptron(width, shape.ratio)
        self.norm1, self.norm_condition = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm2, self.norm_visual = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def placed(self, visual: Tensor, reading_positions: Tensor) -> Tensor:
        """Visual tokens that know where they stand: in the picture, and about where in the word."""
        rows = visual.shape[1] // reading_positions.shape[1]
        return visual + self.position + self.hint(reading_positions).repeat(1, rows, 1)

    def forward(
        self, questions: Tensor, condition: Tensor, visual: Tensor, valid: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Questions (B, Q, d), condition (B, M, d), visual (B, T, d), valid (B, M) -> the same three, fused."""
        sizes = (questions.shape[1], condition.shape[1], visual.shape[1])
        x = torch.cat([questions, condition, visual], 1)
        x = x + self.to_condition(self.norm1(x), self.norm_condition(condition), valid)
        x = x + self.to_visual(self.norm2(x), self.norm_visual(x[:, -sizes[2] :]))
        x = x + self.perceptron(self.norm3(x))
        return x.split(sizes, 1)


class AnswerLayer(nn.Module):
    """Questions look at a context, then think for themselves (pre-norm)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width[2]
        self.attention, self.perceptron = Attention(width, shape.heads[1]), Perceptron(width, shape.ratio)
        self.norm1, self.norm_context, self.norm2 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor, valid: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), self.norm_context(context), valid)
        return x + self.perceptron(self.norm2(x))

    def evidence(self, x: Tensor, context: Tensor) -> Tensor:
        """Attention weights of the questions on the context, (B, Q, K)."""
        return self.attention.weights(self.norm1(x), self.norm_context(context))


class AnswerHead(nn.Module):
    """Questions ask the condition, then the picture."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.from_condition, self.from_visual = AnswerLayer(shape), AnswerLayer(shape)
        self.norm = nn.LayerNorm(shape.width[2])

    def forward(
        self, questions: Tensor, condition: Tensor, visual: Tensor, valid: Tensor, with_evidence: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Features of the answers (B, Q, d), and what they rest on: (B, Q, T), None unless asked for."""
        asked = self.from_condition(questions, condition, valid)
        evidence = self.from_visual.evidence(asked, visual) if with_evidence else None
        return self.norm(self.from_visual(asked, visual)), evidence


class Heads(nn.Module):
    """Linear read-outs of answer features, and of visual columns (CTC)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.characters = nn.Linear(width, CLASSES)
        self.verify = nn.Parameter(torch.randn(POSITIONS, width) / width**0.5)
        self.count = nn.Linear(width, MAX_LENGTH + 2)
        self.place = nn.Linear(width, MAX_LENGTH + 2)
        self.box = nn.Linear(width, 4)
        self.ctc = nn.Linear(width, CLASSES + 1)
