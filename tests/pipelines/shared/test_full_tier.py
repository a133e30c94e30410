from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.full_tier import ROOM_FOR_ACTIVATIONS, Pretrained, Turns, folder_of, place

WORDS = torch.arange(1, 9).view(1, 8)
BERT = Pretrained("transformers:BertForMaskedLM")  # its output layer is tied to its embedding


def spec(folder: Path) -> ModelSpec:
    return ModelSpec(f"tiny/{folder.name}", f"folder:{folder}", None, "MIT")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Three tiny text networks with random weights, stored as the Hub stores them."""
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    for seed, name in enumerate(("base", "formal", "plain")):
        torch.manual_seed(seed)
        config = BertConfig(**sizes, intermediate_size=16, max_position_embeddings=16)
        BertForMaskedLM(config).save_pretrained(tmp_path / name)
    return tmp_path


@pytest.fixture
def full_family(checkpoints: Path) -> ModelFamily:
    experts = {name: spec(checkpoints / name) for name in ("formal", "plain")}
    return ModelFamily("tiny", "grounding", "full", BERT, spec(checkpoints / "base"), experts, "none")


def mix(formal: float, plain: float = 0.0) -> MergeRecipe:
    return MergeRecipe(coefficients=(("formal", formal), ("plain", plain)))


def answer(cache: ModelCache, family: ModelFamily, recipe: MergeRecipe | None) -> torch.Tensor:
    with cache.lease(family, recipe) as lease, torch.inference_mode():
        return lease.model(WORDS).logits


def stored(checkpoints: Path, name: str) -> torch.Tensor:
    with torch.inference_mode():
        return BERT.load(checkpoints / name)(WORDS).logits


def test_a_published_checkpoint_answers_as_its_library_does(full_family: ModelFamily, checkpoints: Path) -> None:
    cache = ModelCache(checkpoints)
    torch.testing.assert_close(answer(cache, full_family, None), stored(checkpoints, "base"), rtol=0, atol=1e-6)
    torch.testing.assert_close(answer(cache, full_family, mix(1)), stored(checkpoints, "formal"), rtol=0, atol=1e-6)
    assert (answer(cache, full_family, mix(0.5)) - stored(checkpoints, "base")).abs().max() > 1e-3


def test_a_mix_of_two_is_the_mix_of_their_weights(full_family: ModelFamily, checkpoints: Path) -> None:
    weights = {name: BERT.load(checkpoints / name).state_dict() for name in ("base", "formal", "plain")}
    wanted = {
        key: base + 0.3 * (weights["formal"][key] - base) + 0.6 * (weights["plain"][key] - base)
        for key, base in weights["base"].items()
    }
    with ModelCache(checkpoints).lease(full_family, mix(0.3, 0.6)) as lease:
        for key, value in lease.model.state_dict().items():
            torch.testing.assert_close(value, wanted[key], rtol=0, atol=1e-6)


def test_tied_weights_stay_one_tensor_in_a_mix(full_family: ModelFamily, checkpoints: Path) -> None:
    with ModelCache(checkpoints).lease(full_family, mix(0.4)) as lease:
        embedding = lease.model.get_input_embeddings().weight
        assert lease.model.get_output_embeddings().weight.data_ptr() == embedding.data_ptr()


def test_only_one_mix_of_the_full_tier_is_in_memory(full_family: ModelFamily, checkpoints: Path) -> None:
    cache = ModelCache(checkpoints)
    for step in range(4):
        answer(cache, full_family, mix(step / 4))
    assert len([row for row in cache.counters().models if "#" in row.name]) == 1
    assert cache.counters().loads == 1


def test_another_mix_waits_until_the_lent_one_is_back(full_family: ModelFamily, checkpoints: Path) -> None:
    cache = ModelCache(checkpoints)
    got = threading.Event()

    def other() -> None:
        with cache.lease(full_family, mix(0.9)):
            got.set()

    with cache.lease(full_family, mix(0.1)) as lease, cache.lease(full_family, mix(0.1)) as again:
        assert again.model is lease.model
        thread = threading.Thread(target=other)
        thread.start()
        assert not got.wait(0.2)
    thread.join(timeout=30)
    assert got.is_set()


def test_visitors_of_the_full_tier_get_their_own_mix(full_family: ModelFamily, checkpoints: Path) -> None:
    recipes = [mix(step / 4, 0.25) for step in range(4)]
    expected = [answer(ModelCache(checkpoints), full_family, recipe) for recipe in recipes]
    cache = ModelCache(checkpoints)

    def visit(seed: int) -> bool:
        order = [(seed + step) % 4 for step in range(6)]
        return all(torch.equal(answer(cache, full_family, recipes[i]), expected[i]) for i in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(visit, range(8)))


def test_half_precision_is_one_rounding_of_the_float32_mix(full_family: ModelFamily, checkpoints: Path) -> None:
    with ModelCache(checkpoints).lease(full_family, mix(0.3)) as lease:
        exact = {key: value.clone() for key, value in lease.model.state_dict().items()}
    with ModelCache(checkpoints, precision="bfloat16").lease(full_family, mix(0.3)) as lease:
        for key, value in lease.model.state_dict().items():
            assert torch.equal(value, exact[key].to(value.dtype)), key
        assert lease.model.dtype == torch.bfloat16


def test_a_failed_checkpoint_leaves_the_turn_free(full_family: ModelFamily, checkpoints: Path) -> None:
    broken = replace(full_family, experts={"formal": spec(checkpoints / "gone")}, name="broken")
    cache = ModelCache(checkpoints)
    with pytest.raises(UserError, match="no checkpoint folder"):
        answer(cache, broken, None)
    assert answer(cache, full_family, None).isfinite().all()


def test_loading_reports_the_bytes_of_each_checkpoint(full_family: ModelFamily, checkpoints: Path) -> None:
    cache, seen = ModelCache(checkpoints), []
    cache.add_listener(seen.append)
    cache.arena(full_family)
    assert [(one.name, one.done_bytes > 0) for one in seen] == [
        (f"tiny/{name}", is_done) for name in ("base", "formal", "plain") for is_done in (False, True)
    ]


def test_a_folder_with_pickles_only_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="not opened"):
        BERT.load(tmp_path)


def test_weights_that_are_absent_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"lacks bert\.\S+ and \d+ more, which would be random"):
        BERT.load(tmp_path)


def test_only_the_two_libraries_may_build(checkpoints: Path) -> None:
    with pytest.raises(UserError, match="transformers, diffusers"):
        Pretrained("os:system").load(checkpoints / "base")


def test_a_diffusers_network_is_read_from_its_subfolder(tmp_path: Path) -> None:
    from diffusers import UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(8,), norm_num_groups=4,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    network.save_pretrained(tmp_path / "unet")
    loaded = Pretrained("diffusers:UNet2DModel", "unet").load(tmp_path)
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in loaded.state_dict().items())


def test_a_hub_checkpoint_that_is_not_here_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="hf download owner/name"):
        folder_of(ModelSpec("x", "hub:owner/name@" + "a" * 40, None, "MIT"))


def test_placing_on_the_processor_changes_nothing() -> None:
    network = torch.nn.Linear(2, 2)
    assert place(network, "cpu", 0) is network


@pytest.fixture
def text_network() -> torch.nn.Module:
    """Three layers of random weights."""
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
    return BertForMaskedLM(BertConfig(**sizes, intermediate_size=16, max_position_embeddings=16))


@pytest.fixture
def dispatched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, object], object]]:
    """What accelerate is asked to spread: module -> place, and the device that computes."""
    asked: list[tuple[dict[str, object], object]] = []
    monkeypatch.setattr(
        "accelerate.dispatch_model",
        lambda model, layers, main_device: (asked.append((dict(layers), main_device)), model)[1],
    )
    return asked


def test_over_the_budget_whole_layers_stay_in_main_memory(
    text_network: torch.nn.Module, dispatched: list[tuple[dict[str, object], object]]
) -> None:
    size = sum(tensor.nbytes for tensor in (*text_network.parameters(), *text_network.buffers()))
    assert place(text_network, "cuda:1", int(0.9 * size)) is text_network
    ((layers, main_device),) = dispatched
    assert main_device == 1 and set(layers.values()) == {1, "cpu"}
    on_device = {id(tensor): tensor.nbytes for name, where in layers.items() if where == 1
                 for tensor in text_network.get_submodule(name).parameters()}  # fmt: skip
    assert size / 4 < sum(on_device.values()) <= 0.9 * ROOM_FOR_ACTIVATIONS * size
    assert all(any(f"{key}.".startswith(f"{name}.") for name in layers) for key, _ in text_network.named_parameters())
    assert not any(".layer." in name and name.count(".") > 3 for name in layers)  # a layer is in one place


def test_within_the_budget_and_where_memory_is_shared_a_network_is_moved_whole(
    text_network: torch.nn.Module, dispatched: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, device: (moved.append(device), self)[1])
    place(text_network, "cuda", 1 << 30)
    place(text_network, "mps", 1000)
    assert moved == ["cuda", "mps"] and dispatched == []


def test_turns_are_taken_in_the_order_asked() -> None:
    turns, order = Turns(), []
    queued = [threading.Event() for _ in range(3)]

    def take(index: int, thing: str) -> None:
        queued[index].set()
        with turns.turn(thing):
            order.append(thing)

    with turns.turn("a"):
        threads = []
        for index, thing in enumerate(("b", "a", "c")):  # "a" may be held now, but "b" was first
            threads.append(threading.Thread(target=take, args=(index, thing)))
            threads[-1].start()
            queued[index].wait(5)
            while len(turns._waiting) < index + 1:
                threading.Event().wait(0.005)
    for thread in threads:
        thread.join(5)
    assert order == ["b", "a", "c"]
