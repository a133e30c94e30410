from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.text_recognition.calibration import OWN_EVIDENCE, Temperatures
from pipelines.text_recognition.charset import CLASSES
from pipelines.text_recognition.crops import BATCH, Look, read_crops
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.options import PROCEDURES, ReadingOptions
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.views import turned


def test_many_crops_are_read_as_each_alone(network: IGTR, crops: list[np.ndarray]) -> None:
    many = (crops * 9)[: BATCH + 3]
    options = ReadingOptions("autoregressive", refinements=1)
    looks = read_crops(network, many, options)
    alone = [read_crops(network, [crop], options)[0] for crop in crops]
    for index, look in enumerate(looks):
        assert look.reading.texts() == alone[index % 5].reading.texts() and look.turn == alone[index % 5].turn


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_tall_crop_is_read_the_way_that_is_surest(network: IGTR, crops: list[np.ndarray], procedure: str) -> None:
    options = ReadingOptions(procedure)
    (look,) = read_crops(network, crops[-1:], options)
    views = {turn: read_crops(network, [turned(crops[-1], turn)[:20]], options)[0] for turn in (90, -90)}
    assert look.turn in (0, 90, -90)
    assert look.certainty >= max(view.certainty for view in views.values()) - 1e-6


def test_a_look_that_reads_nothing_is_not_sure_of_it() -> None:
    nothing = Reading.of_rows([[]], torch.device("cpu"))
    assert Look(0, torch.zeros(1, 64, 4), nothing).certainty == 0


def test_progress_reaches_the_end(network: IGTR, crops: list[np.ndarray]) -> None:
    told: list[tuple[int, int]] = []
    read_crops(network, crops * 8, ReadingOptions("ctc"), progress=lambda *done: told.append(done))
    assert told[-1] == (40, 40) and [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("procedure", "kind"),
    [("parallel", "character"), ("autoregressive", "character"), *((name, name) for name in OWN_EVIDENCE)],
)
def test_a_temperature_changes_the_certainty_alone(
    network: IGTR, crops: list[np.ndarray], procedure: str, kind: str
) -> None:
    cold, warm = (
        read_crops(network, crops[:4], ReadingOptions(procedure), Temperatures(**{kind: value})) for value in (0.5, 2.0)
    )
    for first, second in zip(cold, warm, strict=True):
        assert first.reading.texts() == second.reading.texts()
        # What this network of random weights puts together is less likely than nothing: the cold makes that surer.
        assert (first.certainty < second.certainty) == (procedure == "assembly")


def test_what_is_no_character_keeps_its_share_under_a_temperature() -> None:
    """Two places: one surely "a" or "b", one that holds "a" or nothing."""
    distribution = torch.zeros(1, 2, CLASSES)
    distribution[0, 0, [1, 2]], distribution[0, 1, 1] = torch.tensor([0.64, 0.36]), 0.64
    found = Reading(torch.ones(1, 2, dtype=torch.int64), distribution).tempered(2.0)
    assert found.distribution[0, 0, [1, 2]].tolist() == pytest.approx([0.8 / 1.4, 0.6 / 1.4])
    assert found.distribution[0, 1].sum().item() == pytest.approx(0.8 / 1.4)


def test_no_crops_give_no_looks(network: IGTR) -> None:
    assert read_crops(network, [], ReadingOptions()) == []


@pytest.mark.parametrize("procedure", ["parallel", "ctc"])
def test_the_encoder_may_be_given(network: IGTR, crops: list[np.ndarray], procedure: str) -> None:
    """A cache stands there; what it lends is what is read."""
    seen: list[int] = []

    def encode(model: IGTR, pixels: np.ndarray) -> object:
        seen.append(len(pixels))
        return model.encode(torch.from_numpy(pixels * 0))

    looks = read_crops(network, crops[:3], ReadingOptions(procedure), encode=encode)
    assert seen == [3] and len({look.reading.texts()[0] for look in looks}) == 1
