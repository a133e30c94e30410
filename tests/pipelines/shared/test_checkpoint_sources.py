"""Hub ids, shards by index, adapters and refusals of merges that name files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file

from pipelines.merging.errors import MergeError
from pipelines.shared.checkpoint_files import merge_files, parse_plan
from pipelines.shared.checkpoint_sources import weight_files
from pipelines.shared.errors import UserError

COMMIT = "c" * 40
MERGE = "merge: {vector: {method: task_arithmetic}, weights: {one: 0.5}, scale: 1.0}"


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"a.weight": torch.randn(6, 4, generator=generator), "b.weight": torch.randn(8, generator=generator)}


def recipe(expert: str, base: str = "base.safetensors") -> str:
    return f'mixdeck_recipe: 1\nfamily: {{id: x, base: {{ref: "{base}"}}}}\nexperts: {{one: {expert}}}\n{MERGE}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = weights()
    save_file(base, tmp_path / "base.safetensors")
    save_file({key: value + 0.1 for key, value in base.items()}, tmp_path / "one.safetensors")
    return tmp_path


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local cache in the Hub's own layout: owner/net at COMMIT, which is also its main."""
    cache = folder / "cache"
    snapshot = cache / "models--owner--net" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text(COMMIT)
    save_file(load_file(folder / "one.safetensors"), snapshot / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


@pytest.mark.parametrize("reference", ["hub:owner/net", "hub:owner/net@main", f"hub:owner/net@{COMMIT}"])
def test_a_hub_id_in_the_local_cache_is_merged_as_its_file_is(hub: Path, folder: Path, reference: str) -> None:
    merge_files(parse_plan(recipe(f'{{ref: "{reference}"}}'), folder), folder / "hub_out.safetensors")
    merge_files(parse_plan(recipe("{ref: one.safetensors}"), folder), folder / "file_out.safetensors")
    merged, wanted = load_file(folder / "hub_out.safetensors"), load_file(folder / "file_out.safetensors")
    assert all(torch.equal(merged[key], wanted[key]) for key in wanted)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("hub:owner/other", "owner/other is not in the local cache"),
        ("hub:owner/net@v2", "owner/net is not in the local cache"),
        ("hub:no id", "is not owner/name@commit"),
        ("hub:owner/net@../x", "pin the full commit"),
    ],
)
def test_what_the_cache_lacks_is_said_with_the_way_out(folder: Path, reference: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_plan(recipe(f'{{ref: "{reference}"}}'), folder)


def test_it_is_fetched_only_when_asked_and_only_safetensors_and_texts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def download(repository: str, *, revision: str, allow_patterns: list[str], local_files_only: bool) -> str:
        calls.append((repository, revision, allow_patterns, local_files_only))
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        (folder / "fetched").mkdir()
        save_file(weights(), folder / "fetched" / "model.safetensors")
        return str(folder / "fetched")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    text = recipe('{ref: "hub:owner/net@v1"}')
    with pytest.raises(UserError, match="not in the local cache"):
        parse_plan(text, folder)
    plan = parse_plan(text, folder, may_download=True)
    assert plan.experts[0].paths == (folder / "fetched" / "model.safetensors",)
    assert [call[:2] for call in calls] == [("owner/net", "v1")] * 2 and [call[3] for call in calls] == [True, False]
    assert "*.safetensors" in calls[1][2] and not any("bin" in one or one == "*" for one in calls[1][2])


def test_the_index_says_which_files_are_shards(folder: Path) -> None:
    shards = folder / "net"
    shards.mkdir()
    one = load_file(folder / "one.safetensors")
    names = {key: f"model-0000{place}-of-00002.safetensors" for place, key in enumerate(one, 1)}
    for key, name in names.items():
        save_file({key: one[key]}, shards / name)
    save_file(one, shards / "consolidated.safetensors")
    with pytest.raises(UserError, match=r"is in consolidated\.safetensors and in model-00001"):
        merge_files(parse_plan(recipe("{ref: net}"), folder), folder / "out.safetensors")
    (shards / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert [path.name for path in weight_files("one", "net", folder)] == sorted(names.values())
    (shards / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UserError, match="the shard model-00002-of-00002"):
        weight_files("one", "net", folder)


def test_an_index_may_not_lead_out_of_its_folder(folder: Path) -> None:
    (folder / "net").mkdir()
    index = {"weight_map": {"a.weight": "../one.safetensors"}}
    (folder / "net" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"the shard \.\./one\.safetensors"):
        weight_files("one", "net", folder)


def test_a_folder_of_pickles_is_refused_with_the_way_out(folder: Path) -> None:
    (folder / "net").mkdir()
    (folder / "net" / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(UserError, match=r"only pytorch_model\.bin.*save_file"):
        weight_files("one", "net", folder)


def adapter(folder: Path, rows: int = 6, **config: object) -> str:
    place = folder / "ink"
    place.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(5)
    state = {
        "base_model.model.a.lora_A.weight": 0.1 * torch.randn(2, 4, generator=generator),
        "base_model.model.a.lora_B.weight": torch.randn(rows, 2, generator=generator),
    }
    save_file(state, place / "adapter_model.safetensors")
    (place / "adapter_config.json").write_text(json.dumps({"lora_alpha": 4, "r": 2} | config))
    return "{ref: ink, kind: lora}"


def test_an_adapter_is_folded_at_its_fader(folder: Path) -> None:
    merge_files(parse_plan(recipe(adapter(folder)), folder), folder / "out.safetensors", piece=8)
    state = load_file(folder / "ink" / "adapter_model.safetensors")
    down, up = (state[f"base_model.model.a.lora_{half}.weight"].double() for half in "AB")
    base, merged = weights(), load_file(folder / "out.safetensors")
    wanted = base["a.weight"].double() + 0.5 * (4 / 2) * up @ down
    torch.testing.assert_close(merged["a.weight"].double(), wanted, rtol=1e-6, atol=1e-6)
    assert torch.equal(merged["b.weight"], base["b.weight"])


@pytest.mark.parametrize(
    ("rows", "config", "words"),
    [
        (5, {}, r'adapter "one" changes a\.weight of \(5, 4\), the base has \(6, 4\)'),
        (6, {"use_dora": True}, "use_dora"),
        (6, {"lora_alpha": None}, "no number lora_alpha"),
        (6, {"init_lora_weights": "pissa"}, "sets init_lora_weights to 'pissa'; true, false and gaussian are read"),
        (6, {"init_lora_weights": "pissa_niter_16"}, "PiSSA, OLoRA, CorDA and LoftQ, change the base"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(folder: Path, rows: int, config: dict, words: str) -> None:
    with pytest.raises((UserError, MergeError), match=words):
        merge_files(parse_plan(recipe(adapter(folder, rows, **config)), folder), folder / "out.safetensors")
    assert not (folder / "out.safetensors").exists()


@pytest.mark.parametrize("config", [{"lora_alpha": 8}, {"use_rslora": True}])
def test_an_adapter_at_another_scale_has_another_hash(folder: Path, config: dict) -> None:
    plan, out = parse_plan(recipe(adapter(folder)), folder), folder / "out.safetensors"
    before = merge_files(plan, out).about["mixdeck:recipe_hash"]
    adapter(folder, **config)
    assert merge_files(plan, out).about["mixdeck:recipe_hash"] != before


@pytest.mark.parametrize("start", [True, False, "gaussian", None])
def test_an_adapter_of_a_start_that_leaves_the_base_is_read(folder: Path, start: object) -> None:
    plan = parse_plan(recipe(adapter(folder, init_lora_weights=start)), folder)
    merge_files(plan, folder / "out.safetensors")


def test_the_factors_of_an_adapter_count_for_the_bound(folder: Path) -> None:
    plan, out = parse_plan(recipe(adapter(folder)), folder), folder / "out.safetensors"
    state = load_file(folder / "ink" / "adapter_model.safetensors")
    state["base_model.model.a.lora_A.weight"] = torch.zeros(5000, 4)
    state["base_model.model.a.lora_B.weight"] = torch.zeros(6, 5000)
    save_file(state, folder / "ink" / "adapter_model.safetensors")
    factors = 5000 * (4 + 6) * 4
    full = merge_files(parse_plan(recipe("{ref: one.safetensors}"), folder), out, piece=100).bound_bytes
    assert merge_files(plan, out, piece=100).bound_bytes == full + factors
    with pytest.raises(UserError, match=r"The adapters take 0\.2 MB, .* 0\.3 MB are allowed"):
        merge_files(plan, out, memory_bytes=300_000)
    assert factors < merge_files(plan, out, memory_bytes=2_000_000).bound_bytes <= 2_000_000


def test_an_adapter_is_no_base(folder: Path) -> None:
    text = recipe("{ref: one.safetensors}").replace('{ref: "base.safetensors"}', adapter(folder))
    with pytest.raises(UserError, match="base must be a full checkpoint"):
        parse_plan(text, folder)


def refused(folder: Path, expert: dict[str, torch.Tensor], words: str) -> None:
    save_file(expert, folder / "one.safetensors")
    with pytest.raises(MergeError, match=words):
        merge_files(parse_plan(recipe("{ref: one.safetensors}"), folder), folder / "out.safetensors", piece=8)
    assert not list(folder.glob("*out*")) and not list(folder.glob(".*"))


def test_another_shape_is_refused_by_key_and_shapes(folder: Path) -> None:
    words = r'"one" has a\.weight of \(4, 6\), base has \(6, 4\)'
    refused(folder, weights() | {"a.weight": torch.zeros(4, 6)}, words)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused_by_key(folder: Path, value: float) -> None:
    broken = weights()
    broken["b.weight"][-1] = value
    refused(folder, broken, r'"one" has values in b\.weight that are not finite')


def test_an_expert_of_another_start_is_refused_unless_allowed(folder: Path) -> None:
    refused(folder, weights(1), '"one" is no kin of the base: cosine of their weights')
    plan = parse_plan(recipe("{ref: one.safetensors}"), folder)
    done = merge_files(plan, folder / "out.safetensors", allows_strangers=True)
    assert '"one" is far from the base' in done.notices[0]


def test_an_expert_that_went_far_is_told_and_a_near_one_is_not(folder: Path) -> None:
    plan, out = parse_plan(recipe("{ref: one.safetensors}"), folder), folder / "out.safetensors"
    assert merge_files(plan, out).notices == ()
    save_file({key: 1.7 * value for key, value in weights().items()}, folder / "one.safetensors")
    assert merge_files(plan, out).notices == ('expert "one" is far from the base: the change is 0.70 of its size, '
                                              "cosine 1.00",)  # fmt: skip


def test_counters_that_differ_are_told_once(folder: Path) -> None:
    counted = weights() | {"seen": torch.arange(40)}
    save_file(counted, folder / "base.safetensors")
    save_file(counted | {"seen": torch.arange(40) + 1}, folder / "one.safetensors")
    plan, out = parse_plan(recipe("{ref: one.safetensors}"), folder), folder / "out.safetensors"
    told = ('expert "one" has other values in seen: those of the base are used',)
    assert merge_files(plan, out, piece=8).notices == told  # five pieces of `seen`
    assert torch.equal(load_file(out)["seen"], torch.arange(40))


def test_stale_batch_norm_statistics_are_told_once_for_all_pieces(folder: Path) -> None:
    statistics = {f"{name}.running_var": torch.full((8,), 0.1) for name in "pqr"}
    save_file(weights() | statistics, folder / "base.safetensors")
    save_file(weights() | {key: 9 * value for key, value in statistics.items()}, folder / "one.safetensors")
    plan, out = parse_plan(recipe("{ref: one.safetensors}"), folder), folder / "out.safetensors"
    (notice,) = merge_files(plan, out, piece=8).notices
    assert 'expert "one" has other batch-norm statistics' in notice
    assert all(torch.equal(load_file(out)[key], value) for key, value in statistics.items())


@pytest.mark.parametrize("piece", [8, None])
def test_quantised_weights_are_refused_in_pieces_too(folder: Path, piece: int | None) -> None:
    codes = torch.arange(24, dtype=torch.int8).reshape(6, 4)
    save_file(weights() | {"a.weight": codes}, folder / "base.safetensors")
    save_file(weights() | {"a.weight": codes + 1}, folder / "one.safetensors")
    plan = parse_plan(recipe("{ref: one.safetensors}"), folder)
    with pytest.raises(MergeError, match=r"a\.weight of \(6, 4\) in torch\.int8 .* must be dequantised first"):
        merge_files(plan, folder / "out.safetensors", piece=piece)
    assert not list(folder.glob("*out*"))


def test_tensors_that_no_expert_moved_count_for_the_base(folder: Path) -> None:
    base = {"a.weight": torch.ones(9), "b.weight": torch.full((16,), 1.0)}
    save_file(base, folder / "base.safetensors")
    save_file(base | {"a.weight": -torch.ones(9)}, folder / "one.safetensors")  # |tau| 6, |base| 5, dot 25 - 18
    plan, out = parse_plan(recipe("{ref: one.safetensors}"), folder), folder / "out.safetensors"
    (notice,) = merge_files(plan, out, allows_strangers=True).notices
    assert "1.20 of its size, cosine 0.28" in notice


def test_a_mix_beyond_the_range_of_half_precision_is_refused(folder: Path) -> None:
    for name, value in (("base", 30000.0), ("one", 44000.0)):
        save_file({"a.weight": torch.full((4,), value).half()}, folder / f"{name}.safetensors")
    text = recipe("{ref: one.safetensors}").replace("one: 0.5", "one: 1.5").replace("scale: 1.0", "scale: 1.9")
    with pytest.raises(MergeError, match=r"a\.weight beyond the range of torch\.float16"):
        merge_files(parse_plan(text, folder), folder / "out.safetensors")


def test_at_scale_0_a_base_in_float64_is_written_to_the_bit(folder: Path) -> None:
    base = {key: value.double() / 3 for key, value in weights().items()}
    save_file(base, folder / "base.safetensors")
    save_file({key: value + 0.1 for key, value in base.items()}, folder / "one.safetensors")
    plan = parse_plan(recipe("{ref: one.safetensors}").replace("scale: 1.0", "scale: 0.0"), folder)
    merge_files(plan, folder / "out.safetensors", piece=5)
    merged = load_file(folder / "out.safetensors")
    assert all(torch.equal(merged[key], value) for key, value in base.items())


def test_an_adapter_of_a_half_precision_base_is_rounded_once(folder: Path) -> None:
    base = {key: value.half() for key, value in weights().items()}
    save_file(base, folder / "base.safetensors")
    merge_files(parse_plan(recipe(adapter(folder)), folder), folder / "out.safetensors")
    state = load_file(folder / "ink" / "adapter_model.safetensors")
    down, up = (state[f"base_model.model.a.lora_{half}.weight"].double() for half in "AB")
    wanted = (base["a.weight"].double() + 0.5 * (4 / 2) * up @ down).half()
    assert torch.equal(load_file(folder / "out.safetensors")["a.weight"], wanted)
