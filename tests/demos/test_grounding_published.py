"""A published network on the grounding tab, with a tiny random checkpoint in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from demos.figure_layout import Panel
from demos.grounding_export import panels
from demos.grounding_point import region_at
from demos.links import pack
from pipelines.grounding.full import generated
from pipelines.grounding.full.families import DINO_TINY, FLORENCE_BASE, SAM2_TINY
from pipelines.grounding.full.pipeline import FullGroundingPipeline
from pipelines.grounding.results import GroundedObject
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelSpec
from tests.pipelines.grounding.full import tiny

NETWORK = "grounding-dino-tiny"


@pytest.fixture
def published(grounding_page: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The detector is a tiny one; no masks are at hand."""
    folder, bench = tmp_path_factory.mktemp("dino"), grounding_page.tab.bench
    tiny.store_detector(folder)
    family = replace(DINO_TINY, base=ModelSpec(NETWORK, f"folder:{folder}", None, "MIT"), default=MergeRecipe())
    absent = replace(SAM2_TINY, base=ModelSpec("sam", f"folder:{folder / 'none'}", None, "MIT"))
    bench._published[NETWORK] = FullGroundingPipeline(bench.cache, family, absent)
    yield
    del bench._published[NETWORK]


@pytest.fixture
def writing(grounding_page: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a tiny Florence-2."""
    folder, bench = tmp_path_factory.mktemp("florence"), grounding_page.tab.bench
    tiny.store_florence(folder)
    spec = ModelSpec("florence", f"folder:{folder}", None, "MIT")
    family = replace(FLORENCE_BASE, base=spec, experts={}, blocks=(), default=MergeRecipe())
    bench._published[family.name] = FullGroundingPipeline(bench.cache, family)
    yield family.name
    del bench._published[family.name]


@pytest.fixture
def asked(grounding_page: Any, visitor: Callable[[str], Any], crop_file: Path) -> Callable[..., dict[Any, Any]]:
    def ask(existence: float, phrase: str = "the red mug left of the lamp") -> dict[Any, Any]:
        tab = grounding_page.tab
        sent = grounding_page.values({tab.source.image: str(crop_file), tab.source.phrase: phrase,
                                      tab.source.network: NETWORK, tab.settings["existence"]: existence})  # fmt: skip
        for step in tab.force(visitor("dora"), sent):
            sent |= {one: value for one, value in step.items() if not isinstance(value, dict)}
        return sent

    return ask


def test_a_published_network_answers_with_its_terms(published: None, grounding_page: Any, asked: Any) -> None:
    tab, page = grounding_page.tab, asked(0.0)
    assert tab.bench.result(page[tab.shown])[0].objects and "as published" in page[tab.version]
    assert "part of the expression" in page[tab.answer.words] and "left of lamp" in page[tab.answer.words]
    assert "Full tier" in page[tab.tier] and "network: grounding-dino-tiny" in page[tab.desk.yaml]
    names = ["picture", "answer", "heat", "anchor"]
    found = panels(tab.bench, tab.answer, page[tab.shown], tab.bench.result(page[tab.shown])[0], page, names)
    assert all(isinstance(one, Panel) for one in found) and len(found) == 4


def test_nothing_found_names_the_part_that_fails(published: None, grounding_page: Any, asked: Any) -> None:
    tab, page = grounding_page.tab, asked(1.0)
    assert "The likeliest candidate fails at “" in page[tab.answer.absent]


def test_thresholds_run_no_published_network(
    published: None, grounding_page: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(0.0)
    monkeypatch.setattr(FullGroundingPipeline, "raws", lambda *_: pytest.fail("a network ran"))
    assert "no network run" in asked(0.9)[grounding_page.tab.version]


def test_it_is_not_previewed_compared_or_dialled(
    published: None, grounding_page: Any, asked: Any, visitor: Callable[[str], Any]
) -> None:
    tab, page = grounding_page.tab, asked(0.0)
    assert list(tab.preview(visitor("dora"), page)) == [tab.version]
    for handler in (tab.compare.when_compared, tab.compare.when_turned):
        with pytest.raises(UserError, match="run as published"):
            handler(page)


def test_a_recipe_brings_the_network_back_and_an_unknown_one_is_refused(
    published: None, grounding_page: Any, asked: Any
) -> None:
    tab, page = grounding_page.tab, asked(0.0)
    assert tab.when_yaml_used(page)[tab.source.network] == NETWORK
    strange = page[tab.desk.yaml].replace("network: grounding-dino-tiny", "network: magic")
    with pytest.raises(UserError, match="llmdet-tiny"):
        tab.when_yaml_used({**page, tab.desk.yaml: strange})


def test_a_link_to_an_example_keeps_the_network(published: None, grounding_page: Any, asked: Any) -> None:
    tab, page = grounding_page.tab, asked(0.0)
    example: Any = SimpleNamespace(options={}, recipe={}, frames=(Path("a.png"),), slug="a", words="")
    assert tab.with_example(example)[tab.source.network] == ""
    link = {"tab": "grounding", "example": "a", "recipe": pack(tab.document(page[tab.shown]))}
    examples, tab.source.examples = tab.source.examples, (example,)
    try:
        assert tab.links.opened_with(link)[tab.source.network] == NETWORK
    finally:
        tab.source.examples = examples


def test_weights_that_are_not_here_are_told_by_name(grounding_page: Any, asked: Any) -> None:
    with pytest.raises(UserError, match="grounding-dino-tiny"):
        asked(0.5, "a key that no test asked for")


def test_a_network_that_writes_names_the_region_that_is_clicked(
    published: None, writing: str, grounding_page: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, page = grounding_page.tab, asked(0.0)
    prompts: list[str] = []

    def written(model: Any, asking: Any, pixels: Any, prompt: str) -> str:
        prompts.append(prompt)
        return "</s><s>a <mug> of tea<loc_3></s>"

    monkeypatch.setattr(generated, "written", written)
    job = page[tab.shown]
    clicked = gr.SelectData(None, {"index": (1, 1), "value": None})
    silent = tab.point.when_pointed(clicked, page)
    assert "With Florence-2" in silent[tab.point.line] and prompts == [], "a detector has no words"
    seen = {**page, tab.shown: replace(job, network=writing)}
    told = tab.point.when_pointed(clicked, seen)
    assert told[tab.point.name] == "a of tea" and "This is:" in told[tab.point.line]
    assert tab.point.when_pointed(clicked, seen) == told and sum("region" in one for one in prompts) == 1


def test_a_region_is_the_smallest_object_there_or_a_square_around_the_click() -> None:
    mask = np.zeros((60, 80), bool)
    mask[10:30, 10:30] = True
    objects = [GroundedObject(number, "mug", box, 0.9, mask, (20.0, 20.0), 1.0)
               for number, box in enumerate(((5.0, 5.0, 40.0, 40.0), (10.0, 10.0, 30.0, 30.0)), 1)]  # fmt: skip
    assert region_at(objects, (20, 20), (80, 60)) == (10.0, 10.0, 30.0, 30.0)
    assert region_at(objects, (79, 1), (80, 60)) == (71.5, 0.0, 80.0, 8.5)
