"""A stranger's checkpoints: safetensors only, bounded, each refusal in words."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from pipelines.lab import own_checkpoints
from pipelines.lab.own_checkpoints import files_of_folder, files_of_hub, hub_bytes, own_family, parse_lines
from pipelines.merging.errors import MergeError
from pipelines.shared.errors import UserError

Folder = Callable[..., list[Path]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Writes checkpoints by name, each a value that its only tensor is filled with."""

    def write(length: int = 8, **values: float) -> list[Path]:
        for name, value in values.items():
            save_file({"w": torch.full((length,), value)}, tmp_path / f"{name}.safetensors")
        return sorted(tmp_path.iterdir())

    return write


def test_a_base_and_its_experts_become_a_family(folder: Folder) -> None:
    own = own_family(files_of_folder(folder(base=1.0, street=1.25, hand=0.75)))
    assert own.arena.tasks == ("hand", "street") and own.name.startswith("own: ") and own.notices == ()
    assert torch.allclose(own.arena.experts["street"].vector[:8], torch.full((8,), 0.25))


def test_folders_of_other_contents_have_other_names(folder: Folder) -> None:
    first = own_family(files_of_folder(folder(base=1.0, street=1.25))).name
    assert own_family(files_of_folder(folder(base=1.0, street=1.5))).name != first
    assert own_family(files_of_folder(folder(base=1.0, street=1.25))).name == first


def test_what_lies_beside_weights_is_passed_over_unopened(folder: Folder, tmp_path: Path) -> None:
    for name in ("config.json", "README.md", "vocab.txt"):
        (tmp_path / name).write_bytes(b"\xff no text")
    files = files_of_folder(folder(base=1.0, street=1.25))
    assert list(files) == ["base", "street"] and own_family(files).arena.tasks == ("street",)


def test_a_pickle_is_refused_unopened(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "street.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(UserError, match=r"street\.bin is not safetensors"):
        files_of_folder(folder(base=1.0))


def test_a_tensor_in_two_files_of_a_checkpoint_is_refused(folder: Folder) -> None:
    base, *shards = folder(base=1.0, shard_1=1.25, shard_2=1.5)
    with pytest.raises(UserError, match=r"w is in shard_1\.safetensors and in shard_2\.safetensors: keep one"):
        own_family({"base": (base,), "street": tuple(shards)})


def test_a_damaged_file_is_named(folder: Folder, tmp_path: Path) -> None:
    paths = folder(base=1.0, street=1.0)
    paths[1].write_bytes(b"\xff" * 64)
    with pytest.raises(UserError, match=r"street\.safetensors is damaged"):
        own_family(files_of_folder(paths))


@pytest.mark.parametrize("names", [("street", "hand"), ("base", "base_two"), ("base",)])
def test_a_folder_without_one_base_and_an_expert_says_what_came(folder: Folder, names: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=f"begins with `base`.*{names[0]}.safetensors"):
        files_of_folder(folder(**dict.fromkeys(names, 1.0)))


def test_two_files_of_one_name_and_endless_names_are_refused(folder: Folder, tmp_path: Path) -> None:
    paths = folder(base=1.0, street=1.0)
    with pytest.raises(UserError, match="Two checkpoints are called 'street'"):
        files_of_folder([*paths, tmp_path / "deeper" / "street.safetensors"])
    with pytest.raises(UserError, match="longer than 60"):
        files_of_folder([*paths, tmp_path / f"{'a' * 61}.safetensors"])
    with pytest.raises(UserError, match="At most 20 experts"):
        files_of_folder([*paths, *(tmp_path / f"{number}.safetensors" for number in range(20))])


def test_sizes_are_summed_before_anything_is_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of_folder(folder(base=1.0, street=1.0))
    monkeypatch.setattr(own_checkpoints, "read_files", lambda *_: pytest.fail("read"))
    monkeypatch.setattr(own_checkpoints, "MOST_BYTES", 100)
    with pytest.raises(UserError, match="piece by piece"):
        own_family(files)
    monkeypatch.setattr(own_checkpoints, "MOST_BYTES", 10**9)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=10))
    with pytest.raises(UserError, match="GB are free"):
        own_family(files)


def test_strangers_and_copies_are_told(folder: Folder) -> None:
    far = own_family(files_of_folder(folder(base=1.0, street=3.0)))
    assert far.notices == ('"street" is 2.00 times the base away from it: another base?',)
    with pytest.raises(UserError, match="nothing to look at"):
        own_family(files_of_folder(folder(base=1.0, street=1.0)))


def test_another_network_is_refused(folder: Folder, tmp_path: Path) -> None:
    paths = folder(base=1.0, street=1.0)
    save_file({"w": torch.ones(9)}, tmp_path / "street.safetensors")
    with pytest.raises(MergeError, match="street"):
        own_family(files_of_folder(paths))


def test_lines_of_the_hub_name_the_base_first() -> None:
    found = parse_lines("base: someone/base@main\n\n street : someone/street\n")
    assert found == [("base", "someone/base@main"), ("street", "someone/street")]


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "first line names the base"), ("street: a/b\nbase: a/c", "first line names the base"),
     ("base a/b", "Cannot read 'base a/b'"), ("base: ../../etc\nx: a/b", "not owner/name"),
     ("\n".join(["base: a/b"] * 23), "At most 20 experts")],
)  # fmt: skip
def test_lines_that_cannot_be_read_are_told(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_lines(text)


def test_checkpoints_of_the_hub_are_read_from_the_cache(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {path.stem: path for path in folder(base=1.0, street=1.25)}
    asked = []

    def local(reference: str, may_download: bool, is_pinned: bool) -> Path:
        asked.append((reference, may_download))
        return places[reference.partition("/")[2]]

    monkeypatch.setattr("pipelines.shared.hub.snapshot", local)
    own = own_family(files_of_hub("base: me/base\nink: me/street"))
    assert own.arena.tasks == ("ink",) and asked == [("me/base", False), ("me/street", False)]


def test_nothing_is_fetched_before_its_size_is_known_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.shared.hub.snapshot", lambda *_, **__: pytest.fail("fetched"))
    monkeypatch.setattr(own_checkpoints, "hub_bytes", lambda reference: 10**12)
    with pytest.raises(UserError, match=r"2000\.0 GB"):
        files_of_hub("base: me/base\nink: me/street", may_download=True)


def test_a_hub_out_of_reach_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", offline)
    with pytest.raises(UserError, match="cannot be reached"):
        hub_bytes("me/base")
