from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines.merging.arena import Arena
from pipelines.shared.errors import UserError
from pipelines.shared.tall_archive import (
    ABOUT,
    TallArchive,
    build_archive,
    formula_bytes,
    read_archive,
    tall_recipe,
    write_archive,
)

TASKS = ("north", "east", "south", "west")


def arena(count: int = 40_000) -> Arena:
    generator = torch.Generator().manual_seed(0)
    base = {"b.weight": torch.randn(count // 100, 100, generator=generator), "a.bias": torch.randn(37),
            "frozen": torch.ones(5), "steps": torch.tensor([7])}  # fmt: skip
    experts = {}
    for task in TASKS:
        moved = {key: 1e-3 * torch.randn(base[key].shape, generator=generator) for key in ("b.weight", "a.bias")}
        experts[task] = base | {key: base[key] + step for key, step in moved.items()}
    return Arena.from_checkpoints(base, experts)


@pytest.fixture(scope="module")
def archive() -> TallArchive:
    return build_archive(arena(), tall_recipe(TASKS, {"east": 0.2}))


@pytest.mark.parametrize("form", ["planes", "coded"])
def test_an_archive_comes_back_from_its_file(archive: TallArchive, form: str, tmp_path: Path) -> None:
    write_archive(archive, tmp_path / "tall.safetensors", form)
    again = read_archive(tmp_path / "tall.safetensors")
    assert (again.masks == archive.masks).all() and torch.equal(again.vector, archive.vector)
    assert {key: value.dtype for key, value in again.base.items()} == {
        key: value.dtype for key, value in archive.base.items()
    }
    assert all(torch.equal(again.base[key], archive.base[key]) for key in archive.base)
    assert (again.tasks, again.moved, again.recipe) == (archive.tasks, archive.moved, archive.recipe)


def test_the_masks_are_those_of_the_engine_on_the_stored_vector(archive: TallArchive) -> None:
    family = arena()
    for place, task in enumerate(TASKS):
        limit = 0.2 if task == "east" else 0.4
        vector = family.experts[task].vector
        own = torch.cat([vector[slot.start : slot.stop]
                         for slot in sorted(family.layout.slots, key=lambda slot: slot.key)])  # fmt: skip
        expected = own.abs() > limit * (archive.vector - own).abs()
        assert (torch.from_numpy(archive.masks[place]) == expected).all()


def test_experts_that_share_no_weight_come_back_exactly() -> None:
    base = {"w": torch.randn(8, 50)}
    experts = {}
    for place, task in enumerate(TASKS):
        experts[task] = {"w": base["w"].clone()}
        experts[task]["w"][2 * place : 2 * place + 2] += 0.25
    built = build_archive(Arena.from_checkpoints(base, experts), tall_recipe(TASKS), "float32")
    for task, expert in experts.items():
        torch.testing.assert_close(built.expert(task)["w"], expert["w"], rtol=0, atol=1e-6)


def test_what_nobody_moved_is_the_bases(archive: TallArchive) -> None:
    rebuilt = archive.expert("north")
    assert rebuilt["steps"].dtype == torch.int64 and torch.equal(rebuilt["frozen"], torch.ones(5).half())
    with pytest.raises(UserError, match="north, east, south, west"):
        archive.expert("up")


@pytest.mark.parametrize("count", [2, 4])
def test_the_file_has_the_bytes_of_the_formula_within_one_percent(count: int, tmp_path: Path) -> None:
    built = build_archive(arena(200_000), tall_recipe(TASKS[:count]))
    sizes = write_archive(built, tmp_path / "tall.safetensors", "planes")
    assert sizes.total == (tmp_path / "tall.safetensors").stat().st_size
    assert sizes.formula == pytest.approx(formula_bytes(200_037, 5, count) + 8)  # a counter of 64 bits beside
    assert abs(sizes.total / sizes.formula - 1) < 0.01


def test_coded_masks_are_smaller_than_their_bits(tmp_path: Path) -> None:
    built = build_archive(arena(200_000), tall_recipe(TASKS, vector="ties"))
    planes, coded = (write_archive(built, tmp_path / f"{form}.safetensors", form) for form in ("planes", "coded"))
    assert coded.masks < 0.8 * planes.masks and coded.form != "planes"


def test_a_tied_name_is_stored_once_and_follows_its_tensor(tmp_path: Path) -> None:
    path, table = tmp_path / "tall.safetensors", torch.randn(6, 5)
    base = {"z.words": table, "a.head": table, "norm": torch.ones(5)}
    tuned = table + 0.25
    expert = {"z.words": tuned, "a.head": tuned, "norm": torch.ones(5)}
    built = build_archive(Arena.from_checkpoints(base, {"south": expert}), tall_recipe(("south",)), "float32")
    assert write_archive(built, path).base == 4 * (30 + 5)
    again = read_archive(path)
    assert list(again.base) == sorted(base) and again.tied == built.tied == {"a.head": "z.words"}
    for archive in (built, again):
        rebuilt = archive.expert("south")
        torch.testing.assert_close(rebuilt["z.words"], tuned, rtol=0, atol=1e-6)
        assert rebuilt["a.head"] is rebuilt["z.words"] and archive.base["a.head"] is archive.base["z.words"]


@pytest.mark.parametrize("tied", [{"second": "nowhere"}, {"frozen": "a.bias"}, {"second": ["a.bias"]}])
def test_a_second_name_of_nothing_or_of_something_else_is_refused(
    archive: TallArchive, tied: dict[str, Any], tmp_path: Path
) -> None:
    rewritten(archive, tmp_path / "tall.safetensors", {"tied": tied})
    with pytest.raises(UserError, match="list of tensors is damaged"):
        read_archive(tmp_path / "tall.safetensors")


def test_an_archive_from_before_ties_is_read(archive: TallArchive, tmp_path: Path) -> None:
    rewritten(archive, tmp_path / "tall.safetensors", {}, "tied")
    assert list(read_archive(tmp_path / "tall.safetensors").base) == list(archive.base)


def test_the_dtypes_of_the_checkpoints_are_kept_and_float32_is_exact(tmp_path: Path) -> None:
    family = arena()
    dtypes = {key: value.dtype for key, value in family.views(family.base).items()}
    built = build_archive(family, tall_recipe(TASKS), dtypes)
    write_archive(built, tmp_path / "tall.safetensors")
    again = read_archive(tmp_path / "tall.safetensors")
    assert torch.equal(again.base["b.weight"], family.views(family.base)["b.weight"])
    recipe = tall_recipe(TASKS)
    expected = family.views(family.merge(recipe).flat)["b.weight"]  # the mask of the first task
    torch.testing.assert_close(again.expert("north")["b.weight"], expected, rtol=0, atol=1e-6)


def test_one_expert_alone_is_given_back(tmp_path: Path) -> None:
    built = build_archive(arena(), tall_recipe(("south",)), {"b.weight": torch.float32, "a.bias": torch.float32,
                                                            "frozen": torch.float32, "steps": torch.int64})  # fmt: skip
    family = arena()
    expected = family.views(family.base + family.experts["south"].vector)
    torch.testing.assert_close(built.expert("south")["b.weight"], expected["b.weight"], rtol=0, atol=1e-7)


@pytest.mark.parametrize(("first", "last"), [("bfloat16", "float32"), ("float32", "bfloat16"), ("bfloat16", "float16")])
def test_a_network_of_two_dtypes_loses_nothing_in_either(first: str, last: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    dtypes = {"a": getattr(torch, first), "b": getattr(torch, last)}
    base = {key: torch.randn(500, generator=generator).to(dtype) for key, dtype in dtypes.items()}
    expert = {key: (value + 0.4 * torch.randn(500, generator=generator)).to(value.dtype) for key, value in base.items()}
    built = build_archive(Arena.from_checkpoints(base, {"south": expert}), tall_recipe(("south",)), dtypes)
    write_archive(built, tmp_path / "tall.safetensors")
    rebuilt = read_archive(tmp_path / "tall.safetensors").expert("south")
    for key, tensor in expert.items():
        torch.testing.assert_close(rebuilt[key], tensor, rtol=0, atol=1e-6)


def test_damage_and_other_files_are_refused(archive: TallArchive, tmp_path: Path) -> None:
    path = tmp_path / "tall.safetensors"
    save_file({"w": torch.ones(1)}, path)
    with pytest.raises(UserError, match="no TALL archive"):
        read_archive(path)
    path.write_bytes(b"12345678 not a file")
    with pytest.raises(UserError, match="damaged"):
        read_archive(path)
    write_archive(archive, path, "planes")
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()[ABOUT])
    masks = tensors["masks"].numpy().copy()
    masks[3] ^= np.uint8(1)
    save_file(tensors | {"masks": torch.from_numpy(masks)}, path, {ABOUT: json.dumps(about)})
    with pytest.raises(UserError, match="masks of the archive are damaged"):
        read_archive(path)
    save_file(tensors, path, {ABOUT: json.dumps(about | {"layout": "x"})})
    with pytest.raises(UserError, match="list of tensors is damaged"):
        read_archive(path)


def rewritten(archive: TallArchive, path: Path, changes: dict[str, Any], lacks: str = "") -> None:
    """The archive's file with other fields, and without one that is named."""
    write_archive(archive, path)
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()[ABOUT]) | changes
    tensors = {key: value for key, value in load_file(path).items() if key != lacks}
    about.pop(lacks, None)
    save_file(tensors, path, {ABOUT: json.dumps(about)})


@pytest.mark.parametrize("name", ["", ".", "..", "base", "../../x", "/tmp/x", "..\\x", "C:x", "a/b", "a\0", 7])
def test_a_task_that_makes_no_file_name_is_refused(archive: TallArchive, name: Any, tmp_path: Path) -> None:
    rewritten(archive, tmp_path / "tall.safetensors", {"tasks": [*TASKS[:3], name]})
    with pytest.raises(UserError, match="has a task called"):
        read_archive(tmp_path / "tall.safetensors")


@pytest.mark.parametrize(
    "field", ["vector", "masks", "layout", "exponent", "tasks", "recipe", "sha256"]
)  # "masks" is a tensor and a field
def test_a_field_that_is_missing_is_named(archive: TallArchive, field: str, tmp_path: Path) -> None:
    rewritten(archive, tmp_path / "tall.safetensors", {}, field)
    with pytest.raises(UserError, match=f"damaged archive: its (tensor )?{field} is missing"):
        read_archive(tmp_path / "tall.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exponent": "seven"}, "its exponent"),
        ({"exponent": 10**30}, "its exponent"),
        ({"layout": None}, "its layout"),
        ({"tied": ["a.bias"]}, "its tied"),
        ({"tasks": []}, "none twice"),
        ({"tasks": ["north", "north", "east", "west"]}, "none twice"),
    ],
)
def test_a_field_of_another_kind_is_named(
    archive: TallArchive, changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    rewritten(archive, tmp_path / "tall.safetensors", changes)
    with pytest.raises(UserError, match=f"damaged archive: .*{words}"):
        read_archive(tmp_path / "tall.safetensors")


def test_an_entry_that_is_no_json_is_refused(tmp_path: Path) -> None:
    save_file({"vector": torch.ones(1)}, tmp_path / "tall.safetensors", {ABOUT: "{"})
    with pytest.raises(UserError, match="mixdeck:tall is damaged"):
        read_archive(tmp_path / "tall.safetensors")


def test_a_recipe_without_masks_makes_no_archive() -> None:
    from pipelines.merging.recipe import MergeRecipe

    with pytest.raises(UserError, match="TALL-masks"):
        build_archive(arena(), MergeRecipe(coefficients=(("north", 1.0),)))
