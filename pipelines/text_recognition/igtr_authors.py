"""IGTR as its authors published it, full size, under the names of their checkpoints.

Instruction-Guided Scene Text Recognition (Zheng et al. 2025, arXiv:2401.17851). It answers as `igtr.IGTR` does, so all
procedures and questions work on it, but for two: there is no CTC head, and no head for boxes, which are taken from
where an answer looked. Channels come as RGB.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CLASSES, MAX_LENGTH, SYMBOLS
from pipelines.text_recognition.fit import HEIGHT_PX, WIDTH_PX
from pipelines.text_recognition.igtr import Answers
from pipelines.text_recognition.igtr_authors_encoder import EPSILON, AuthorsShape, Encoder, Perceptron, heads
from pipelines.text_recognition.instructions import COUNT, IS, PLACE, POSITIONS, Condition, Questions

PUBLISHED = AuthorsShape()
NEXT_POSITIONS = 6  # of the reading of long texts, which this code does not do; kept so that files stay whole


class CrossAttention(nn.Module):
    """Queries look at other tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.kv, self.proj = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, valid: Tensor | None = None) -> Tensor:
        """(B, Q, d), (B, K, d), valid (B, K) or None for all -> (B, Q, d)."""
        (q,), (k, v) = heads(self.q(x), 1), heads(self.kv(context), 2)
        mask = None if valid is None else valid[:, None, None]
        return self.proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, context: Tensor) -> Tensor:
        """What each query looks at, mean of the heads: (B, Q, K), every row sums to 1."""
        (q,), (k, _) = heads(self.q(x), 1), heads(self.kv(context), 2)
        return (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(3).mean(1)


class FusionLayer(nn.Module):
    """Questions, condition and picture look at the condition, then at the picture, then think (pre-norm)."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.images_to_question_cross_attn = CrossAttention(width)  # looks at the condition, whatever its name says
        self.question_to_images_cross_attn = CrossAttention(width)
        self.mlp = Perceptron(width, ratio)
        self.normq1, self.normkv1, self.normq2, self.normkv2, self.normmlp = (
            nn.LayerNorm(width, EPSILON) for _ in range(5)
        )

    def forward(self, asked: Tensor, told: Tensor, seen: Tensor, valid: Tensor) -> tuple[Tensor, ...]:
        sizes = (asked.shape[1], told.shape[1], seen.shape[1])
        x = torch.cat([asked, told, seen], 1)
        x = x + self.images_to_question_cross_attn(self.normq1(x), self.normkv1(told), valid)
        x = x + self.question_to_images_cross_attn(self.normq2(x), self.normkv2(x[:, -sizes[2] :]))
        return (x + self.mlp(self.normmlp(x))).split(sizes, 1)


class AnswerLayer(nn.Module):
    """Questions look at a context, then think (pre-norm)."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.mixer, self.mlp = CrossAttention(width), Perceptron(width, ratio)
        self.norm1, self.normkv, self.norm2 = (nn.LayerNorm(width, EPSILON) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor, valid: Tensor | None = None) -> Tensor:
        x = x + self.mixer(self.norm1(x), self.normkv(context), valid)
        return x + self.mlp(self.norm2(x))

    def evidence(self, x: Tensor, context: Tensor) -> Tensor:
        """Attention of the questions on the context, (B, Q, K)."""
        return self.mixer.weights(self.norm1(x), self.normkv(context))


class Embedding(nn.Module):
    """The table of characters, scaled when it is read."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, width)

    def forward(self, characters: Tensor) -> Tensor:
        return self.embedding(characters) * self.embedding.embedding_dim**0.5


class Decoder(nn.Module):
    """Instructions and visual tokens to features of answers."""

    def __init__(self, shape: AuthorsShape) -> None:
        super().__init__()
        width = shape.width[2]
        self.char_embed = Embedding(width)
        self.cmff_decoder = nn.ModuleList([FusionLayer(width, shape.ratio) for _ in range(shape.layers)])
        self.answer_to_question_layer = AnswerLayer(width, shape.ratio)
        self.answer_to_image_layer = AnswerLayer(width, shape.ratio)
        self.char_pos_embed = nn.Parameter(torch.zeros(POSITIONS, width))
        self.appear_num_embed = nn.Parameter(torch.zeros(POSITIONS, width))
        self.vis_pos_embed = nn.Parameter(torch.zeros(1, width, *shape.visual_hw))
        self.prompt_pos_embed = nn.Parameter(torch.zeros(1, NEXT_POSITIONS, width))
        self.answer_query = nn.Parameter(torch.zeros(1, 1, width))
        self.norm_pred = nn.LayerNorm(width, EPSILON)
        self.ques1_head = nn.Linear(width, CLASSES)
        self.ques2_head = nn.Linear(width, POSITIONS, bias=False)
        self.ques3_head, self.ques4_head = nn.Linear(width, MAX_LENGTH + 2), nn.Linear(width, MAX_LENGTH + 2)

    def forward(self, visual: Tensor, condition: Condition, questions: Questions, grid: tuple[int, int]) -> Answers:
        positions = self.vis_pos_embed[:, :, : grid[0], : grid[1]].flatten(2).transpose(1, 2)
        asked, told, seen = self._questions(questions), self._condition(condition), visual + positions
        for layer in self.cmff_decoder:
            asked, told, seen = layer(asked, told, seen, condition.valid)
        asked = self.answer_to_question_layer(asked, told, condition.valid)
        evidence = self.answer_to_image_layer.evidence(asked, seen).unflatten(2, grid)
        return Answers(self.norm_pred(self.answer_to_image_layer(asked, seen)), evidence)

    def _condition(self, condition: Condition) -> Tensor:
        return self.char_embed(condition.characters) + F.embedding(condition.positions, self.char_pos_embed)

    def _questions(self, questions: Questions) -> Tensor:
        kind = questions.kind[..., None]
        tokens = (kind != 0) * self.char_embed(questions.characters)
        tokens = tokens + (kind <= IS) * F.embedding(questions.positions, self.char_pos_embed)
        tokens = tokens + (kind == COUNT) * self.answer_query
        return tokens + (kind == PLACE) * F.embedding(questions.occurrence, self.appear_num_embed)


class AuthorsIGTR(nn.Module):
    """As `igtr.IGTR`: encode pictures, answer questions, read the answers' features."""

    has_ctc = False

    def __init__(self, shape: AuthorsShape = PUBLISHED) -> None:
        super().__init__()
        self.shape, self.grid = shape, (HEIGHT_PX // 8, WIDTH_PX // 4)
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)

    def encode(self, pixels: Tensor) -> Tensor:
        """Crops (B, 3, 32, 128), 0 to 1, to visual tokens (B, 4 * 32, d), row by row."""
        return self.encoder(2 * pixels - 1)

    def answer(
        self, visual: Tensor, condition: Condition, questions: Questions, *, with_evidence: bool = True
    ) -> Answers:
        """Answers to every question; the last four numbers of a feature are the box of its evidence."""
        answers = self.decoder(visual, condition, questions, self.grid)
        features = torch.cat([answers.features, spread(answers.evidence)], 2)
        return Answers(features, answers.evidence if with_evidence else None)

    def characters(self, features: Tensor) -> Tensor:
        """Q1: logits of 95 classes, (B, Q, 95); 0 is EOS."""
        return self.decoder.ques1_head(features[..., :-4])

    def verify(self, features: Tensor, positions: Tensor) -> Tensor:
        """Q2: logit of yes, (B, Q); `positions` are those asked about, (B, Q)."""
        return (features[..., :-4] * F.embedding(positions, self.decoder.ques2_head.weight)).sum(-1)

    def count(self, features: Tensor) -> Tensor:
        """Q3: logits of the counts 0 to 26, (B, Q, 27)."""
        return self.decoder.ques3_head(features[..., :-4])

    def place(self, features: Tensor) -> Tensor:
        """Q4: logits of the positions 0 to 26, (B, Q, 27)."""
        return self.decoder.ques4_head(features[..., :-4])

    def box(self, features: Tensor) -> Tensor:
        """Where the answer looked: centre x, centre y, width, height, (B, Q, 4), 0 to 1 of the crop."""
        return features[..., -4:]

    def ctc(self, visual: Tensor) -> Tensor:
        """There is none. Raises UserError."""
        raise UserError("The authors' IGTR has no CTC head; choose another procedure.", title="Procedure not there")

    def forward(self, pixels: Tensor, condition: Condition, questions: Questions) -> Answers:
        """Encode and answer in one call."""
        return self.answer(self.encode(pixels), condition, questions)


def spread(evidence: Tensor) -> Tensor:
    """Boxes (B, Q, 4) as cx, cy, w, h in 0 to 1: those on which even evidence would have the same mean and spread."""
    sides = []
    for axis in (3, 2):  # x, then y
        shares = evidence.sum(5 - axis)  # (B, Q, cells)
        count = shares.shape[2]
        places = (torch.arange(count, device=shares.device, dtype=shares.dtype) + 0.5) / count
        mean = (shares * places).sum(2)
        variance = (shares * places**2).sum(2) - mean**2 + 1 / (12 * count**2)  # a cell is not a point
        sides.append((mean, (12 * variance.clamp_min(0)).sqrt().clamp_max(1)))
    (x, width), (y, height) = sides
    return torch.stack([x, y, width, height], 2)
