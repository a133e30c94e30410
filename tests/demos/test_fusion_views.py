"""What the fusion tab shows of a result besides its picture."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from demos.fusion_labels import CLASS_NAMES
from demos.fusion_views import mosaic_of, pixel_at
from demos.fusion_words import pixel_line
from demos.words import hint, tier_line, weight_count
from pipelines.registry import family
from pipelines.shared.errors import UserError


@pytest.fixture
def shown(built: Any, visitor: Callable[[str], Any]) -> dict[Any, Any]:
    """The page after a first run."""
    values = built.values()
    for step in built.tab.force(visitor("viewer"), values):
        values |= {one: value for one, value in step.items() if one in values}
    return values


def click(x: int, y: int) -> Any:
    return SimpleNamespace(index=(x, y))


def test_a_click_on_a_weight_map_tells_the_arithmetic_of_that_pixel(built: Any, shown: dict[Any, Any]) -> None:
    view = built.tab.weights
    text = view.when_pointed(click(40, 30), shown)[view.line]
    assert "0.500 × " in text and " + 0.500 × " in text and "result " in text


def test_the_same_place_of_every_map_is_the_same_pixel(built: Any, shown: dict[Any, Any]) -> None:
    view, result = built.tab.weights, built.tab.bench.result(shown[built.tab.shown])[0]
    width = mosaic_of(result).size_hw[1]
    first, second = (view.when_pointed(click(x, 30), shown)[view.line] for x in (40, 40 + width + 4))
    assert first == second


def test_a_click_between_two_maps_changes_nothing(built: Any, shown: dict[Any, Any]) -> None:
    view, result = built.tab.weights, built.tab.bench.result(shown[built.tab.shown])[0]
    gap = mosaic_of(result).size_hw[1] + 1
    assert not isinstance(view.when_pointed(click(gap, 30), shown)[view.line], str)


def test_views_without_a_result_say_what_to_do(built: Any) -> None:
    with pytest.raises(UserError, match="press Run"):
        built.tab.weights.when_pointed(click(1, 1), built.values({built.tab.shown: None}))


def test_places_stay_inside_the_picture() -> None:
    assert pixel_at((10, 20), (1.0, 1.0)) == (19, 9) and pixel_at((10, 20), (0.0, 0.5)) == (0, 5)


def test_the_line_of_a_pixel_adds_up() -> None:
    line = pixel_line((3, 4), (100 / 255, 200 / 255), (0.25, 0.75), 180 / 255, (0.1, 0.3))
    assert line.startswith("(3, 4): 0.250 × 100.0 + 0.750 × 200.0 = 175.0 · result 180 (+5.0")
    assert "T1[100] = 0.100" in line and "T2[200] = 0.300" in line


def test_a_class_that_is_not_ticked_is_not_painted(built: Any, shown: dict[Any, Any]) -> None:
    view = built.tab.labels
    fused = built.tab.bench.result(shown[built.tab.shown])[0].fused  # the fake names everything sky
    painted = view.when_changed(shown)[view.picture]["value"]
    without = view.when_changed(shown | {view.classes: list(CLASS_NAMES[1:])})[view.picture]["value"]
    assert (without == fused).all() and (painted != fused).any()


def test_contours_leave_the_inside_of_a_class_alone(built: Any, shown: dict[Any, Any]) -> None:
    view = built.tab.labels
    result = built.tab.bench.result(shown[built.tab.shown])[0]
    labels = np.zeros((8, 8), np.uint8)
    labels[:, 4:] = 1
    picture = view._overlay(result.fused, shown | {view.outline: True, view.opacity: 0.1}, labels, labels)
    changed = np.flatnonzero((picture != result.fused).any(axis=(0, 2)))
    middle = result.fused.shape[1] // 2
    assert changed.tolist() == [middle - 1, middle]


@pytest.fixture
def halves(built: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake names everything sky in both frames; the thermal one alone has ground in its lower half."""
    thermal, visible = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    thermal[4:] = 1
    named = {"thermal": thermal, "visible": visible}
    monkeypatch.setattr(built.tab.bench, "labels_alone", lambda job: named)


@pytest.mark.usefixtures("halves")
def test_one_frame_alone_is_named_and_compared_with_both(built: Any, shown: dict[Any, Any]) -> None:
    view = built.tab.labels
    legend = view.when_changed(shown | {view.source: "thermal"})[view.legend]
    assert "ground 50%" in legend and "like both together on 50% of the picture" in legend


@pytest.mark.usefixtures("halves")
def test_only_the_places_that_differ_are_painted(built: Any, shown: dict[Any, Any]) -> None:
    view = built.tab.labels
    updates = view.when_changed(shown | {view.source: "differ", view.opacity: 1.0})
    fused = built.tab.bench.result(shown[built.tab.shown])[0].fused
    painted = (updates[view.picture]["value"] != fused).any(-1)
    middle = len(fused) // 2
    assert painted[middle:].all() and not painted[:middle].any()
    assert "only thermal alone differs 50%" in updates[view.legend]
    assert "<td>ground</td><td>0.0%</td><td>50.0%</td><td>0.0%</td>" in updates[view.legend]


def test_a_new_result_keeps_the_region_that_was_pointed_at(built: Any, shown: dict[Any, Any]) -> None:
    zoom, job = built.tab.zoom, shown[built.tab.shown]
    result = built.tab.bench.result(job)[0]
    assert zoom.pictured(job, result, shown | {zoom.point: (20, 20)})[zoom.regions]
    assert zoom.pictured(job, result, shown | {zoom.point: (9999, 20)})[zoom.regions] is None


def test_the_page_names_its_tier_its_size_and_its_training(built: Any) -> None:
    line = tier_line(family("fusenet"), built.workshop.assets, "FuseNet")
    count = weight_count(built.workshop.assets / "weights" / "fusenet" / "base.safetensors")
    assert line.startswith("Embedded tier: FuseNet, ") and f"{count / 1000:.0f} k parameters" in line
    assert "python -m pipelines train fusenet" in line


def test_a_published_checkpoint_is_named_as_such(built: Any) -> None:
    base = SimpleNamespace(name="someone/fuser", source="folder:/nowhere", license="MIT", size_bytes=0, fetch="")
    full: Any = SimpleNamespace(tier="full", name="fuser", base=base, experts={})
    assert tier_line(full, built.workshop.assets, "Fuser") == (
        "Full tier: fuser, the published checkpoint someone/fuser (MIT). Not on this machine: someone/fuser; the page "
        "downloads nothing by itself."
    )


def test_parameters_are_counted_from_the_file_as_the_network_has_them(built: Any) -> None:
    model = family("fusenet").build()
    assert weight_count(built.workshop.assets / "weights" / "fusenet" / "base.safetensors") == sum(
        tensor.numel() for tensor in model.state_dict().values()
    )


def test_a_quiet_line_shows_text_and_marks_commands() -> None:
    assert hint("<b> `run me`") == '<div class="hint">&lt;b&gt; <code>run me</code></div>'
