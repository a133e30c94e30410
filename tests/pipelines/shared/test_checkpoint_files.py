from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines.merging.errors import MergeError
from pipelines.merging.merge import merge
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.checkpoint_files import is_local, merge_files, names_files, parse_plan
from pipelines.shared.checkpoint_pieces import Cut, job_of, pieces
from pipelines.shared.checkpoint_slots import Slot, bytes_of, read_slots
from pipelines.shared.errors import UserError

TEXT = """
mixdeck_recipe: 1
family: {id: any, base: {ref: base.safetensors}}
experts:
  street: {ref: street.safetensors}
  hand: {ref: hand}
merge:
  vector: {method: %s}
  masks: {mode: MODE}
  weights: {street: 0.7, hand: -0.4}
  scale: 0.8
"""
LOCAL = ("task_arithmetic", "average", "tall_masks", "consensus", "slerp", "nuslerp", "multislerp", "karcher",
         "model_stock", "near_swap", "dare", "della", "breadcrumbs", "sce", "ram", "tsv", "iso", "wudi", "bitdelta",
         "quantised")  # fmt: skip
LENGTH_2 = (2).to_bytes(8, "little")
WHOLE = ("ties", "emr", "pruned", "plain_masks")
ELECTED = ("ties, scope: tensor, density: 1", "dare, combine: ties, density: 0.9, seed: 2", "della, combine: ties_sum",
           "breadcrumbs, combine: ties, density: 0.9", "plain_masks, pick: random")  # fmt: skip
MODES = {"tall_masks": "union", "consensus": "consensus", "emr": "task, tasks: [hand]"}


def text(method: str) -> str:
    return (TEXT % method).replace("MODE", MODES.get(method, "off"))


def network(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "first.weight": torch.randn(7, 5, generator=generator),
        "half": torch.randn(33, generator=generator).half(),
        "brain": torch.randn(9, generator=generator).bfloat16(),
        "last": torch.randn((), generator=generator),
        "steps": torch.tensor(3),
        "none": torch.empty(0),
    }


def tuned(base: dict[str, torch.Tensor], seed: int, step: float = 0.2) -> dict[str, torch.Tensor]:
    noise = network(seed)
    return {key: value + step * noise[key] if value.is_floating_point() else value for key, value in base.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = network(0)
    street, hand = (tuned(base, seed) for seed in (1, 2))
    save_file(base, tmp_path / "base.safetensors")
    save_file(street, tmp_path / "street.safetensors")
    (tmp_path / "hand").mkdir()
    halves = list(hand.items())
    save_file(dict(halves[:3]), tmp_path / "hand" / "model-1-of-2.safetensors")
    save_file(dict(halves[3:]), tmp_path / "hand" / "model-2-of-2.safetensors")
    return tmp_path


@pytest.mark.parametrize("method", [*LOCAL, *WHOLE])
def test_files_give_the_bits_that_weights_in_memory_give(folder: Path, method: str) -> None:
    plan = parse_plan(text(method), folder)
    assert is_local(plan.recipe) == (method in LOCAL)
    merge_files(plan, folder / "out.safetensors", piece=20)
    experts = {"street": tuned(network(0), 1), "hand": tuned(network(0), 2)}
    in_order = experts if method == "near_swap" else dict(sorted(experts.items()))
    wanted = merge(network(0), in_order, plan.recipe)
    merged = load_file(folder / "out.safetensors")
    assert merged.keys() == wanted.keys()
    for key, value in merged.items():
        assert value.dtype == wanted[key].dtype and value.shape == wanted[key].shape
        assert torch.equal(value, wanted[key]), key


@pytest.mark.parametrize("vector", ELECTED)
def test_where_votes_cancel_pieces_fall_as_the_whole_does(folder: Path, vector: str) -> None:
    base = {key: (value * 64).round() / 64 if value.is_floating_point() else value for key, value in network(0).items()}
    first = {key: value - 1.0 if value.is_floating_point() else value for key, value in base.items()}
    second = {key: 2 * base[key] - value for key, value in first.items()}
    for name, weights in (("base", base), ("street", first), ("hand/model-1-of-2", second)):
        save_file(weights, folder / f"{name}.safetensors")
    (folder / "hand" / "model-2-of-2.safetensors").unlink()
    rules = [("last", 0.0, "null"), ("brain", 2.0, "hand"), ("first.*", 0.0, "hand")]  # street alone votes in "first"
    blocks = ", ".join(f"{{match: {key!r}, factor: {factor}, expert: {name}}}" for key, factor, name in rules)
    even = text(vector).replace("0.7", "1.0").replace("-0.4", "1.0").replace("0.8", "1.0")
    thinner = "  densities: [{match: brain, expert: hand, density: 0.5}]\n" if "plain" not in vector else ""
    plan = parse_plan(f"{even}  blocks: [{blocks}]\n{thinner}", folder)
    assert is_local(plan.recipe)
    merge_files(plan, folder / "out.safetensors", piece=20, allows_strangers=True)
    wanted = merge(base, {"hand": second, "street": first}, plan.recipe)
    merged = load_file(folder / "out.safetensors")
    assert all(torch.equal(value, wanted[key]) for key, value in merged.items())
    if vector.startswith("ties"):
        assert bool((wanted["half"] < base["half"]).all())  # by the votes of another piece


def test_block_rules_act_in_every_piece(folder: Path) -> None:
    rules = text("task_arithmetic") + '  blocks: [{match: "half", factor: 2.0}]\nexclude: ["first.*"]\n'
    plan = parse_plan(rules, folder)
    merge_files(plan, folder / "out.safetensors", piece=20)
    merged = load_file(folder / "out.safetensors")
    assert torch.equal(merged["first.weight"], network(0)["first.weight"])
    wanted = merge(network(0), {"street": tuned(network(0), 1), "hand": tuned(network(0), 2)}, plan.recipe)
    for key, value in merged.items():
        assert torch.equal(value, wanted[key]), key


def test_one_expert_in_a_block_is_that_expert_in_files_and_in_memory(folder: Path) -> None:
    merge_section = text("task_arithmetic").replace("0.7", "1").replace("-0.4", "1").replace("0.8", "1")
    rules = '{match: "first.*", factor: 0.0, expert: hand}, {match: "first.*", factor: 1.0}, {match: "*", factor: 0.0}'
    plan = parse_plan(f"{merge_section}  blocks: [{rules}]\n", folder)
    merge_files(plan, folder / "out.safetensors", piece=20)
    street, hand = tuned(network(0), 1), tuned(network(0), 2)
    wanted = merge(network(0), {"street": street, "hand": hand}, plan.recipe)
    for key, value in load_file(folder / "out.safetensors").items():
        assert torch.equal(value, wanted[key]), key
    assert torch.equal(wanted["first.weight"], street["first.weight"])


def test_the_header_names_hashes_and_no_files(folder: Path) -> None:
    about = merge_files(parse_plan(text("average"), folder), folder / "out.safetensors").about
    with safe_open(folder / "out.safetensors", "pt") as file:
        assert file.metadata() == about
    document = json.loads(about["mixdeck:recipe"])
    content = (folder / "street.safetensors").read_bytes()
    assert document["experts"]["street"] == {"sha256": hashlib.sha256(content).hexdigest()}
    assert "safetensors" not in about["mixdeck:recipe"] and str(folder) not in about["mixdeck:recipe"]


def three(folder: Path, order: str, method: str = "task_arithmetic") -> tuple[str, bytes]:
    """The hash and the bits of a merge of three experts, listed in that order."""
    listed = ", ".join(f"{name}: {{ref: {name}.safetensors}}" for name in order)
    faders = "a: 0.7, b: -0.4" if method == "near_swap" else "a: 0.7, b: -0.4, c: 0.9"
    document = (
        f"mixdeck_recipe: 1\nfamily: {{id: any, base: {{ref: base.safetensors}}}}\nexperts: {{{listed}}}\n"
        f"merge: {{vector: {{method: {method}}}, weights: {{{faders}}}, scale: 0.8}}\n"
    )
    about = merge_files(parse_plan(document, folder), folder / "out.safetensors").about
    return about["mixdeck:recipe_hash"], b"".join(bytes(bytes_of(value)) for value in weights_of(folder).values())


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(sorted(load_file(folder / "out.safetensors").items()))


@pytest.fixture
def trio(folder: Path) -> Path:
    for seed, name in enumerate("abc", start=3):
        save_file(tuned(network(0), seed), folder / f"{name}.safetensors")
    return folder


def test_the_order_of_experts_in_the_document_is_no_part_of_the_merge(trio: Path) -> None:
    assert three(trio, "abc") == three(trio, "cab") == three(trio, "bca")


def test_where_the_order_has_a_meaning_it_changes_bits_and_hash(trio: Path) -> None:
    first, second = three(trio, "abc", "near_swap"), three(trio, "bac", "near_swap")
    assert first[0] != second[0] and first[1] != second[1]


def test_other_contents_have_another_hash(trio: Path) -> None:
    before = three(trio, "abc")
    save_file(tuned(network(0), 9), trio / "b.safetensors")
    assert three(trio, "abc")[0] != before[0]


def test_progress_ends_at_the_whole_of_each_file(folder: Path) -> None:
    seen = {}
    merge_files(
        parse_plan(text("average"), folder), folder / "out.safetensors", lambda one: seen.update({one.name: one})
    )
    assert list(seen) == ["base", "hand", "street", "merged"]
    assert all(one.done_bytes == one.total_bytes > 0 for one in seen.values())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("base.safetensors", "gone.safetensors", r"base: no weights at gone\.safetensors"),
        ("street.safetensors", "street.bin", r"street\.bin is not safetensors"),
        ("{ref: hand}", "{ref: hand, kind: delta}", r"hand: kind 'delta'; .* `python -m pipelines unpack FOLDER"),
        ("{ref: hand}", "{ref: hand, kind: gguf}", "kind 'gguf'"),
        ("{ref: hand}", "{file: hand}", "Unknown keys in entry of hand: file"),
        ("{ref: hand}", "{ref: hand, sha256: 0}", "64 hex digits in quotes"),
        ("{ref: hand}", "{kind: full}", "hand needs a `ref`"),
        ("mixdeck_recipe: 1", "mixdeck_recipe: 7", "mixdeck_recipe: 1"),
        ("merge:", "polices: {}\nmerge:", "Unknown keys in the recipe: polices"),
        ("merge:", "numerics: {}\nmerge:", "section `numerics` is not supported here: sums are float32"),
        ("merge:", "policies: {}\nmerge:", "section `policies` is not supported here"),
        ("merge:", "exclude: last\nmerge:", "exclude must be a list, got str"),
        ("merge:", "learned: {}\nmerge:", "section `learned` is not supported here"),
        ("merge:", "parents: []\nmerge:", "section `parents` is not supported here"),
        ("street: 0.7", "strete: 0.7", 'unknown expert "strete"'),
    ],
)
def test_a_document_that_does_not_fit_is_refused_with_the_reason(folder: Path, old: str, new: str, words: str) -> None:
    (folder / "street.bin").write_bytes(b"")
    with pytest.raises((UserError, MergeError), match=words):
        parse_plan(text("average").replace(old, new), folder)


def test_another_network_is_refused_by_the_key_and_nothing_is_written(folder: Path) -> None:
    save_file(network(1) | {"extra": torch.ones(1)}, folder / "street.safetensors")
    with pytest.raises(MergeError, match=r'"street" has extra, unlike the base'):
        merge_files(parse_plan(text("average"), folder), folder / "out.safetensors")
    assert not list(folder.glob("*out*"))


def test_another_content_than_the_recipe_names_is_refused(folder: Path) -> None:
    named = text("average").replace("{ref: hand}", f"{{ref: hand, sha256: '{'0' * 64}'}}")
    with pytest.raises(UserError, match="hand has sha256"):
        merge_files(parse_plan(named, folder), folder / "out.safetensors")


@pytest.mark.parametrize("content", [b"", b"\x80\x02pickle of some sort", LENGTH_2 + b"[]", LENGTH_2 + b"{x"])
def test_a_file_that_only_claims_to_be_safetensors_is_refused(folder: Path, content: bytes) -> None:
    (folder / "street.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"street\.safetensors"):
        merge_files(parse_plan(text("average"), folder), folder / "out.safetensors")


def test_a_file_cut_short_is_refused_and_leaves_the_old_result(folder: Path) -> None:
    out, path = folder / "out.safetensors", folder / "street.safetensors"
    out.write_bytes(b"the one before")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="ends too early"):
        merge_files(parse_plan(text("average"), folder), out, piece=20)
    assert out.read_bytes() == b"the one before"
    assert sorted(one.name for one in folder.glob("*out*")) == ["out.safetensors"]


def test_too_little_memory_is_said_with_the_numbers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.shared.device.free_bytes", lambda device: 100)
    with pytest.raises(UserError, match=r"needs about \S+ GB and 0\.0 GB are free"):
        merge_files(parse_plan(text("ties"), folder), folder / "out.safetensors")
    merge_files(parse_plan(text("task_arithmetic"), folder), folder / "out.safetensors")


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        ("ties", r"TIES looks at whole .* 0\.00 GB are allowed.* --memory 0\.01\. TIES with scope: tensor is merged"),
        ("dare, rescale: l1", "DARE with rescale: inverse or none is merged piece by piece"),
        ("pruned", "Magnitude pruning looks at .* Methods such as task arithmetic"),
    ],
)
def test_whole_vectors_that_are_not_allowed_are_refused_with_a_way_out(folder: Path, vector: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        merge_files(parse_plan(text(vector), folder), folder / "out.safetensors", memory_bytes=1000)


@pytest.mark.parametrize(("method", "least"), [("tsv", 129), ("iso", 143), ("wudi", 122), ("average", 42)])
def test_the_bound_holds_what_was_measured_for_whole_matrices(method: str, least: int) -> None:
    shape = (1318, 2048)  # one expert, halves: bytes for each weight of this matrix, by bench_merge_files
    slots = [{"w": Slot(Path(name), 0, 2 * 1318 * 2048, "F16", shape)} for name in ("base", "expert")]
    recipe = MergeRecipe(method, (("expert", 1.0),))
    job = job_of(recipe, slots, 0, None, 10**9)
    assert job.bound_bytes > least * 1318 * 2048
    if method != "average":  # which is cut
        with pytest.raises(UserError, match=rf"2,699,264 weights, and {method} looks at tensors as a whole"):
            job_of(recipe, slots, 0, None, least * 1318 * 2048)


def test_a_recipe_of_files_is_told_from_one_of_a_family() -> None:
    assert names_files(text("average"))
    assert not names_files("mixdeck_recipe: 1\nfamily: fusenet\n")


def test_a_large_tensor_is_a_piece_of_its_own(folder: Path) -> None:
    slots = read_slots(parse_plan(text("average"), folder).base.paths)
    groups = list(pieces(slots, 34, False))
    assert sorted(cut.key for group in groups for cut in group) == sorted(slots)
    assert [Cut("first.weight")] in groups


def test_or_it_is_cut_and_every_element_is_in_one_cut(folder: Path) -> None:
    slots = read_slots(parse_plan(text("average"), folder).base.paths)
    cuts = [cut for group in pieces(slots, 10, True) for cut in group if cut.key == "first.weight"]
    assert [(cut.start, cut.stop) for cut in cuts] == [(0, 10), (10, 20), (20, 30), (30, 35)]
