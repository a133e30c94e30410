"""The page as data: what a browser and a client are told about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from demos.status import TEMPLATE, device_words, memory_bytes, status_of
from pipelines.shared.cache import ModelCache

BUTTONS = {"click", "load", "then", "success", "failure"}
IMAGES = {"image", "imageslider", "gallery"}
PUBLIC = {
    "fuse", "fuse_batch", "ground", "ground_batch", "random_scene", "describe_at", "read_text", "ask_text",
    "detect_text", "read_batch", "merge_info", "validate_recipe", "status",
}  # fmt: skip


@pytest.fixture(scope="module")
def config(built: Any) -> dict[str, Any]:
    return built.page.blocks.get_config_file()


def test_element_ids_are_unique(config: dict[str, Any]) -> None:
    ids = Counter(one["props"].get("elem_id") for one in config["components"] if one["props"].get("elem_id"))
    assert [name for name, count in ids.items() if count > 1] == []


def test_the_promised_element_ids_exist(config: dict[str, Any]) -> None:
    ids = {one["props"].get("elem_id") for one in config["components"]}
    promised = {"fusion-run", "fusion-stop", "fusion-out", "fusion-desk-method", "fusion-desk-scale", "fusion-drop",
                "fusion-desk-w-0", "fusion-desk-w-3", "fusion-desk-undo", "status"}  # fmt: skip
    assert promised <= ids


def test_every_listener_that_is_no_button_names_its_trigger_mode(built: Any) -> None:
    unnamed = []
    for one in built.page.blocks.fns.values():
        events = {name for _, name in one.targets}
        if not events <= BUTTONS and one.trigger_mode not in ("always_last", "multiple", "once"):
            unnamed.append(one.name)
    assert unnamed == []


def test_a_release_never_drops_the_last_value(built: Any) -> None:
    modes = {one.trigger_mode for one in built.page.blocks.fns.values() if "release" in {n for _, n in one.targets}}
    assert modes == {"always_last"}


def test_what_follows_another_event_never_drops_the_last_one(built: Any, config: dict[str, Any]) -> None:
    """A chained function that names no mode is `once`: while it runs, the browser skips what comes after."""
    long = {one._id for one in built.page.blocks.fns.values() if one.concurrency_id == "batch"}  # a button's own
    chained = [one for one in config["dependencies"]
               if one["trigger_after"] is not None and one["backend_fn"] and one["id"] not in long]  # fmt: skip
    assert len(chained) > 30
    assert {one["trigger_mode"] for one in chained} <= {"always_last", "multiple"}


def test_every_image_is_lossless(config: dict[str, Any]) -> None:
    pictures = [one for one in config["components"] if one["type"] in IMAGES]
    assert pictures
    assert {one["props"]["format"] for one in pictures} == {"png"}


def test_only_the_public_endpoints_are_listed_and_each_is_described(built: Any) -> None:
    endpoints = built.page.blocks.get_api_info()["named_endpoints"]
    assert {name.strip("/") for name in endpoints} == PUBLIC
    assert all(endpoint["description"] for endpoint in endpoints.values())


def test_every_public_endpoint_has_a_function_with_that_name(built: Any) -> None:
    public = {one.api_name: one.fn.__name__ for one in built.page.blocks.fns.values() if one.api_name in PUBLIC}
    assert {name: name for name in PUBLIC} == public


def test_model_runs_share_one_place_on_the_device(built: Any) -> None:
    queued = [one for one in built.page.blocks.fns.values() if one.concurrency_id == "device"]
    assert len(queued) > 3 and {one.concurrency_limit for one in queued} == {1}


def test_faders_are_stock_sliders_for_the_browser(config: dict[str, Any]) -> None:
    assert {one["type"] for one in config["components"]}.isdisjoint({"fader"})
    assert sum(one["type"] == "slider" for one in config["components"]) > 12


def test_every_control_that_is_disabled_says_why(config: dict[str, Any]) -> None:
    kinds = {"slider", "radio", "checkbox", "checkboxgroup", "dropdown"}
    disabled = [one["props"] for one in config["components"]
                if one["type"] in kinds and one["props"].get("interactive") is False]  # fmt: skip
    assert len(disabled) > 10
    assert [props["elem_id"] for props in disabled if not props.get("info")] == []


def test_no_component_was_given_an_unknown_property(built: Any) -> None:
    blocks = [one for one in built.page.blocks.blocks.values() if isinstance(one, gr.HTML)]
    assert {key for one in blocks for key in (one.props or {})} <= {"value"}


def test_what_shows_no_progress_watches_no_component(config: dict[str, Any]) -> None:
    quiet = [one for one in config["dependencies"] if one["show_progress"] == "hidden"]
    assert len(quiet) > 100
    assert [one["api_name"] for one in quiet if one["show_progress_on"] != []
            and one["api_name"] not in PUBLIC] == []  # fmt: skip


def test_opening_the_page_runs_the_tab_that_is_seen_alone(built: Any) -> None:
    load = next(one for one in built.page.blocks.fns.values() if ("load" in {name for _, name in one.targets}))
    assert not [one for one in built.page.blocks.fns.values() if one.trigger_after == load._id]
    listeners = {one.targets[0][0]: one for one in built.page.blocks.fns.values()
                 if one.targets and one.targets[0][1] == "change" and one.concurrency_id == "device"}  # fmt: skip
    for query, name in ({}, "fusion"), ({"tab": "grounding"}, "grounding"), ({"tab": "nowhere"}, "fusion"):
        updates = load.fn(SimpleNamespace(query_params=query))
        (first,) = [one for one in updates if one._id in listeners]
        assert updates[first] == 1 and set(listeners[first._id].outputs) == set(built.page.tabs[name].pictures)


def test_a_tab_that_is_chosen_runs_once_the_address_was_read(built: Any) -> None:
    tabs = built.page.tabs
    chosen = next(
        one
        for one in built.page.blocks.fns.values()
        if len(one.inputs) == 3 and one.inputs[2] is tabs["grounding"].shown
    )
    assert chosen.queue is not False  # a State that is set outside the queue tells its listeners nothing
    assert chosen.fn(False, 0, None)[2] == 0
    assert chosen.fn(True, 0, None)[2] == 1


def test_nothing_but_tabs_stands_among_the_tabs(config: dict[str, Any]) -> None:
    """A tab's place is counted among all children, so anything between them would put a tab in another's place."""
    kinds = {one["id"]: one["type"] for one in config["components"]}
    rows = [node for node in nodes(config["layout"]) if kinds.get(node["id"]) == "tabs"]
    assert rows
    assert {kinds[child["id"]] for row in rows for child in row["children"]} == {"tabitem"}


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node of the layout and all below it."""
    yield node
    for child in node.get("children", ()):
        yield from nodes(child)


def test_the_status_bar_shows_all_that_the_endpoint_tells(built: Any) -> None:
    assert set(re.findall(r"{{value\.(\w+)}}", TEMPLATE)) == set(status_of(built.workshop))


def test_memory_in_use_is_that_of_now() -> None:
    before = memory_bytes()
    held = np.ones(12_500_000)  # 100 MB
    assert memory_bytes() > before + 50_000_000
    del held
    assert memory_bytes() < before + 50_000_000


def test_the_status_names_what_is_held_in_fewer_bits(tmp_path: Path) -> None:
    assert device_words(ModelCache(tmp_path)) == "cpu"
    assert device_words(ModelCache(tmp_path, vectors="float16")) == "cpu · task vectors float16"
    assert device_words(ModelCache(tmp_path, precision="bfloat16")) == "cpu · networks bfloat16"
