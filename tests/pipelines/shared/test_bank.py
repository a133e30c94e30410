"""Families that are mapped from a bank: the same bits, private memory for nothing, never a stale one."""

from __future__ import annotations

import logging
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines.merging.arena import Arena
from pipelines.merging.layout import same_bits
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from pipelines.shared.bank import PAGE_BYTES, Banks, open_bank, write_bank
from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily

FADERS = (("left", 0.7), ("right", -0.4))
RECIPES = (
    MergeRecipe(coefficients=FADERS, scale=0.8),
    MergeRecipe(coefficients=(("left", 1.0),), scale=1.0),  # the whole expert, to the bit
    MergeRecipe("ties", FADERS, 0.8, (("density", 0.3),)),
    MergeRecipe("consensus", FADERS, 0.8, masks=MaskChoice("consensus", votes=1)),
)


@pytest.fixture
def weights() -> tuple[dict[str, torch.Tensor], dict[str, dict[str, torch.Tensor]]]:
    """A base and two experts with a frozen tensor, a counter and a tied pair; values that float32 cannot subtract."""
    torch.manual_seed(0)
    base = {"a": torch.randn(70, 3), "frozen": torch.randn(5), "count": torch.tensor(3)}
    base["tied"] = base["a"]
    experts = {}
    for task in ("left", "right"):
        moved = torch.randn(70, 3) * 10.0 ** torch.randint(-9, 9, (70, 3))
        experts[task] = base | {"a": moved, "tied": moved}
    return base, experts


@pytest.mark.parametrize("is_compact", [False, True])
def test_a_mapped_family_merges_to_the_same_bits(weights, is_compact: bool, tmp_path: Path) -> None:
    arena = Arena.from_checkpoints(*weights, is_compact=is_compact)
    write_bank(arena, tmp_path / "bank")
    mapped = open_bank(tmp_path / "bank")
    assert mapped.tasks == arena.tasks and mapped.key_classes == arena.key_classes and mapped.is_mapped
    for recipe in RECIPES:
        wanted, found = arena.views(arena.merge(recipe).flat), mapped.views(mapped.merge(recipe).flat)
        assert wanted.keys() == found.keys()
        assert all(torch.equal(found[key], wanted[key]) and found[key].dtype == wanted[key].dtype for key in wanted)
        assert found["tied"].data_ptr() == found["a"].data_ptr()
    assert mapped.private_bytes == 0 and mapped.size_bytes == arena.size_bytes


def test_an_expert_that_is_no_sum_in_float32_comes_back_to_the_bit(weights, tmp_path: Path) -> None:
    base, experts = weights
    arena = Arena.from_checkpoints(base, experts)
    assert len(arena.experts["left"].index) > 0, "the case is not tried"
    write_bank(arena, tmp_path / "bank")
    mapped = open_bank(tmp_path / "bank")
    merged = mapped.views(mapped.merge(RECIPES[1]).flat)
    assert same_bits(merged["a"], experts["left"]["a"])


def test_numbers_start_behind_a_page_each_at_another_offset(weights, tmp_path: Path) -> None:
    write_bank(Arena.from_checkpoints(*weights), tmp_path / "bank")
    offsets = []
    for name in ("base", "vector-0", "vector-1"):
        path = tmp_path / "bank" / f"{name}.safetensors"
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
        offsets.append(start % PAGE_BYTES)
        with safe_open(path, "pt") as file:
            assert list(file.keys()) == ["flat"]
        flat = load_file(path)["flat"]
        assert flat.data_ptr() % PAGE_BYTES == start % PAGE_BYTES, "the file is copied, not mapped"
    assert offsets == [0, 256, 512]


def started(assets: Path, banks: Path, vectors: str = "float32") -> tuple[ModelCache, Banks]:
    kept = Banks(banks)
    return ModelCache(assets, vectors=vectors, banks=kept), kept


def test_the_second_start_maps_what_the_first_has_read(toy_family: ModelFamily, tmp_path: Path) -> None:
    first, banks = started(tmp_path, tmp_path / "banks")
    with first.lease(toy_family, RECIPES[0]) as lease:
        wanted = {key: value.clone() for key, value in lease.model.state_dict().items()}
    assert not first.arena(toy_family).is_mapped
    banks.wait()
    second, _ = started(tmp_path, tmp_path / "banks")
    with second.lease(toy_family, RECIPES[0]) as lease:
        assert all(same_bits(value, wanted[key]) for key, value in lease.model.state_dict().items())
    assert second.arena(toy_family).is_mapped
    sizes = {row.name: row.size_bytes for row in second.counters().models}
    assert sizes["toy"] == 0 < first.counters().bytes_ram


def test_a_changed_checkpoint_is_read_and_takes_the_place_of_the_old_bank(
    toy_family: ModelFamily, tmp_path: Path
) -> None:
    first, banks = started(tmp_path, tmp_path / "banks")
    first.arena(toy_family)
    banks.wait()
    path = tmp_path / "weights" / "toy" / "left.safetensors"
    save_file({key: value + 1 for key, value in load_file(path).items()}, path)
    second, banks = started(tmp_path, tmp_path / "banks")
    found = second.arena(toy_family)
    banks.wait()
    assert not found.is_mapped and found.experts["left"].vector.max() > first.arena(toy_family).experts[
        "left"].vector.max()  # fmt: skip
    assert len(list((tmp_path / "banks").iterdir())) == 1
    assert started(tmp_path, tmp_path / "banks")[0].arena(toy_family).is_mapped


def test_both_kinds_of_vectors_keep_banks_of_their_own(toy_family: ModelFamily, tmp_path: Path) -> None:
    for vectors in ("float32", "float16"):
        cache, banks = started(tmp_path, tmp_path / "banks", vectors)
        cache.arena(toy_family)
        banks.wait()
    mapped = [started(tmp_path, tmp_path / "banks", vectors)[0].arena(toy_family) for vectors in ("float32", "float16")]
    assert [arena.is_mapped for arena in mapped] == [True, True]
    assert mapped[1].size_bytes < mapped[0].size_bytes


@pytest.mark.parametrize("name", ["vector-1.safetensors", "exact.safetensors", "bank.json"])
def test_a_damaged_bank_is_made_anew(toy_family: ModelFamily, tmp_path: Path, name: str) -> None:
    cache, banks = started(tmp_path, tmp_path / "banks")
    cache.arena(toy_family)
    banks.wait()
    (kept,) = (tmp_path / "banks").iterdir()
    content = (kept / name).read_bytes()
    (kept / name).write_bytes(content[: len(content) // 2])
    again, banks = started(tmp_path, tmp_path / "banks")
    assert not again.arena(toy_family).is_mapped
    banks.wait()
    assert started(tmp_path, tmp_path / "banks")[0].arena(toy_family).is_mapped


def test_a_vector_of_another_length_is_refused(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache, banks = started(tmp_path, tmp_path / "banks")
    cache.arena(toy_family)
    banks.wait()
    (kept,) = (tmp_path / "banks").iterdir()
    save_file({"flat": torch.zeros(3)}, kept / "vector-0.safetensors")
    with pytest.raises(ValueError, match="holds \\(3,\\) numbers"):
        open_bank(kept)


def test_without_room_on_the_disk_no_bank_is_kept_and_nothing_fails(
    toy_family: ModelFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = namedtuple("usage", "total used free")(1, 1, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    cache, banks = started(tmp_path, tmp_path / "banks")
    with caplog.at_level(logging.WARNING):
        assert cache.arena(toy_family).tasks == ("left", "right")
        banks.wait()
    assert "No bank is kept" in caplog.text and list((tmp_path / "banks").iterdir()) == []


def test_what_a_killed_process_left_is_removed(toy_family: ModelFamily, tmp_path: Path) -> None:
    left = tmp_path / "banks" / ".toy-float32-0.4194304.part"  # a number that no process has
    left.mkdir(parents=True)
    (left / "base.safetensors").write_bytes(b"half")
    cache, banks = started(tmp_path, tmp_path / "banks")
    cache.arena(toy_family)
    banks.wait()
    assert not left.exists() and len(list((tmp_path / "banks").iterdir())) == 1
