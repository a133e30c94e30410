from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipelines.merging.layout import check_blocks
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelSpec
from pipelines.shared.images import OpenedImage
from pipelines.text_recognition.igtr_authors import AuthorsIGTR, spread
from pipelines.text_recognition.igtr_authors_encoder import AuthorsShape
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.instructions import (
    ask_characters,
    ask_count,
    ask_is,
    ask_place,
    empty_condition,
    joined,
    known,
)

BASE = MergeRecipe()
TINY = AuthorsShape((8, 16, 32), (2, 1), (1, 1), ratio=2)


@pytest.fixture(scope="module")
def network() -> AuthorsIGTR:
    torch.manual_seed(0)
    model = AuthorsIGTR(TINY)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def visual(network: AuthorsIGTR) -> torch.Tensor:
    return network.encode(torch.rand(2, 3, 32, 128, generator=torch.Generator().manual_seed(1)))


def positions(*values: int) -> torch.Tensor:
    return torch.tensor([values, values])


def test_the_published_sizes_have_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in AuthorsIGTR().parameters())
    assert 24.0e6 < count < 24.4e6  # the paper: 24.1 M; it may be with or without the tables of positions


def test_every_weight_belongs_to_one_block_of_the_desk() -> None:
    with torch.device("meta"):
        check_blocks(list(AuthorsIGTR().state_dict()), [(block.name, block.match) for block in IGTR_AUTHORS.blocks])


def test_shapes_are_those_of_the_embedded_network(network: AuthorsIGTR, visual: torch.Tensor) -> None:
    assert visual.shape == (2, 128, 32) and network.grid == (4, 32)
    answers = network.answer(visual, empty_condition(2), ask_characters(positions(1, 2, 3)))
    assert answers.evidence is not None and answers.evidence.shape == (2, 3, 4, 32)
    torch.testing.assert_close(answers.evidence.sum((2, 3)), torch.ones(2, 3))
    assert network.characters(answers.features).shape == (2, 3, 95)
    assert network.count(answers.features).shape == network.place(answers.features).shape == (2, 3, 27)
    assert network.verify(answers.features, positions(1, 2, 3)).shape == (2, 3)
    assert network.box(answers.features).shape == (2, 3, 4)


def test_questions_do_not_see_each_other(network: AuthorsIGTR, visual: torch.Tensor) -> None:
    asked = (
        ask_characters(positions(1, 4)), ask_is(positions(7, 8), positions(1, 2)), ask_count(positions(7, 9)),
        ask_place(positions(7, 7), positions(0, 1)),
    )  # fmt: skip
    condition = known([[(1, 11)], [(2, 12)]])
    together = network.answer(visual, condition, joined(*asked)).features
    alone = torch.cat([network.answer(visual, condition, one).features for one in asked], 1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_the_order_of_what_is_known_has_no_meaning_and_padding_none_at_all(
    network: AuthorsIGTR, visual: torch.Tensor
) -> None:
    question = ask_characters(positions(3))
    one = network.answer(visual, known([[(1, 11), (2, 12)], [(1, 11)]]), question).features
    other = network.answer(visual, known([[(2, 12), (1, 11)], [(1, 11)]]), question).features
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    padded = network.answer(visual[1:], known([[(1, 11)]]), ask_characters(positions(3)[:1])).features
    torch.testing.assert_close(one[1:], padded, rtol=0, atol=1e-5)


def test_every_kind_of_question_reads_its_own_tables(network: AuthorsIGTR, visual: torch.Tensor) -> None:
    same = positions(5)
    kinds = joined(ask_characters(same), ask_is(same, same), ask_count(same), ask_place(same, same))
    features = network.answer(visual, empty_condition(2), kinds).features[0]
    distances = torch.cdist(features, features)
    assert distances[~torch.eye(4, dtype=torch.bool)].min() > 1e-2


def test_even_evidence_on_a_box_gives_that_box_back() -> None:
    evidence = torch.zeros(1, 1, 4, 32)
    evidence[0, 0, 1:3, 8:12] = 1 / 8
    torch.testing.assert_close(spread(evidence)[0, 0], torch.tensor([10 / 32, 0.5, 4 / 32, 0.5]))
    point = torch.zeros(1, 1, 4, 32)
    point[0, 0, 0, 0] = 1
    torch.testing.assert_close(spread(point)[0, 0], torch.tensor([0.5 / 32, 0.125, 1 / 32, 0.25]))


def test_the_pipeline_of_the_embedded_network_takes_it(network: AuthorsIGTR, tmp_path: Path) -> None:
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline

    save_file(network.state_dict(), tmp_path / "net.safetensors")
    spec = ModelSpec("authors/net", f"folder:{tmp_path / 'net.safetensors'}", None, "MIT")
    family = replace(IGTR_AUTHORS, build=lambda: AuthorsIGTR(TINY), base=spec, experts={}, blocks=(), default=BASE)
    pixels = np.random.default_rng(0).random((40, 90, 3), np.float32)
    result = TextRecognitionPipeline(ModelCache(tmp_path), family)(OpenedImage(pixels, "word", "", is_grey=False))
    assert result.run.tier == "full" and len(result.characters) == len(result.text)
    assert all(0 <= one.box_xyxy[0] <= one.box_xyxy[2] <= 90 for one in result.characters)


def test_it_reads_by_the_procedures_of_the_embedded_network(network: AuthorsIGTR, visual: torch.Tensor) -> None:
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.reader import Reader
    from pipelines.text_recognition.reading import read

    reader = Reader(network, visual)
    for procedure in ("parallel", "autoregressive", "verification", "assembly"):
        reading = read(reader, ReadingOptions(procedure=procedure))
        assert len(reading.texts()) == 2 and all(math.isfinite(value) for value in reading.confidences())
    with pytest.raises(UserError, match="no CTC head"):
        read(reader, ReadingOptions(procedure="ctc"))
