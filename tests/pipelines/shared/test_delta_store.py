from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pipelines.shared.delta_store import decode_delta, delta_of, encode_delta, write_delta
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelSpec
from pipelines.shared.weights import read_weights, stored_weights

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def bits(tensor: Tensor) -> list[int]:
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist() if tensor.numel() else []


def awkward(dtype: torch.dtype) -> Tensor:
    """Zeros of both signs, subnormals, the largest numbers, and ordinary ones."""
    info = torch.finfo(dtype)
    tiny = info.smallest_normal
    return torch.tensor([0.0, -0.0, tiny / 4, -tiny / 4, info.max, info.min, 1.0, -1.0, 0.5, tiny], dtype=dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_bit_comes_back(dtype: torch.dtype) -> None:
    base = {"w": awkward(dtype), "scalar": torch.tensor(2.0, dtype=dtype), "empty": torch.zeros(0, 3, dtype=dtype)}
    expert = {"w": awkward(dtype).flip(0), "scalar": -base["scalar"], "empty": base["empty"]}
    found = decode_delta(base, *encode_delta(base, expert))
    assert {key: bits(value) for key, value in found.items()} == {key: bits(value) for key, value in expert.items()}
    assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in expert.items()}


def test_integers_and_several_widths_come_back() -> None:
    base = {"i": torch.tensor([1, -5, 2**40]), "b": torch.tensor([True, False]), "h": torch.ones(3, 2).half()}
    expert = {"i": torch.tensor([-1, 2**62, 0]), "b": torch.tensor([False, False]), "h": torch.zeros(3, 2).half()}
    found = decode_delta(base, *encode_delta(base, expert))
    assert all(torch.equal(found[key], expert[key]) and found[key].dtype == expert[key].dtype for key in expert)


@pytest.mark.parametrize(("spread", "most"), [(3e-5, 2.1), (1e-4, 3.5), (3e-4, 5.0), (1e-3, 6.6)])
def test_small_steps_of_bfloat16_take_the_bits_of_their_entropy(spread: float, most: float) -> None:
    generator = torch.Generator().manual_seed(0)
    base = 0.02 * torch.randn(200_000, generator=generator).bfloat16().float()
    expert = (base + spread * torch.randn(200_000, generator=generator)).bfloat16()
    streams, _ = encode_delta({"w": base.bfloat16()}, {"w": expert})
    assert 8 * sum(one.numel() for one in streams.values()) / 200_000 < most


def test_an_expert_is_read_from_its_differences_like_any_other(tmp_path: Path) -> None:
    base, expert = {"w": torch.randn(50, 7).half()}, {"w": torch.randn(50, 7).half()}
    save_file(base, tmp_path / "base.safetensors")
    write_delta(base, expert, tmp_path / "left.safetensors", metadata={"seconds": "3"})
    spec = ModelSpec("toy/left", f"folder:{tmp_path / 'left.safetensors'}", None, "MIT")
    assert torch.equal(stored_weights(spec, tmp_path)["w"], expert["w"])
    assert torch.equal(read_weights(spec, tmp_path)["w"], expert["w"].float())


def test_another_base_beside_it_or_none_is_refused(tmp_path: Path) -> None:
    base, expert = {"w": torch.randn(50).half()}, {"w": torch.randn(50).half()}
    write_delta(base, expert, tmp_path / "left.safetensors")
    spec = ModelSpec("toy/left", f"folder:{tmp_path / 'left.safetensors'}", None, "MIT")
    with pytest.raises(UserError, match=r"base\.safetensors, which does not lie beside it"):
        stored_weights(spec, tmp_path)
    save_file({"w": base["w"] + 1}, tmp_path / "base.safetensors")
    with pytest.raises(UserError, match="another base"):
        stored_weights(spec, tmp_path)


def test_a_damaged_stream_is_noticed() -> None:
    base, expert = {"w": torch.zeros(400).half()}, {"w": torch.randn(400).half()}
    streams, about = encode_delta(base, expert)
    name = max(streams, key=lambda key: streams[key].numel())
    streams[name][7] ^= 1
    with pytest.raises(UserError, match="damaged"):
        decode_delta(base, streams, about)


def test_a_stream_that_is_missing_is_named() -> None:
    base = {"w": torch.zeros(400).half()}
    streams, about = encode_delta(base, base)
    for odd, more in ((streams, {"coders": {}}), (streams, {"coders": None}), ({}, {})):
        with pytest.raises(UserError, match=r"lack their stream 16-bit\.0"):
            decode_delta(base, odd, about | more)
    with pytest.raises(UserError, match="mixdeck:delta of the differences is damaged"):
        delta_of({"mixdeck:delta": "["})


def test_steps_of_many_tensors_are_held_in_the_width_of_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.shared.delta_store.encode", lambda content: ("raw", content))  # lzma takes 94 MB
    generator = torch.Generator().manual_seed(0)
    base = {str(place): torch.randn(20_000, generator=generator).half() for place in range(40)}
    expert = {key: value + 1 for key, value in base.items()}

    def bytes_a_weight(work: Callable[[], object]) -> float:
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 800_000

    assert bytes_a_weight(lambda: encode_delta(base, expert)) < 10
    encoded = encode_delta(base, expert)
    assert bytes_a_weight(lambda: decode_delta(base, *encoded)) < 10


def test_experts_of_another_form_are_refused() -> None:
    with pytest.raises(UserError, match=r"w is torch\.float16 \(2,\) in the expert"):
        encode_delta({"w": torch.zeros(3).half()}, {"w": torch.zeros(2).half()})
    with pytest.raises(UserError, match="differ in the tensor extra"):
        encode_delta({"w": torch.zeros(3)}, {"w": torch.zeros(3), "extra": torch.zeros(1)})


def test_a_published_expert_is_stored_as_differences_where_that_is_smaller(tmp_path: Path) -> None:
    from pipelines.training.publish import publish

    generator = torch.Generator().manual_seed(0)
    base = {"w": torch.randn(40_000, generator=generator).half()}
    near = {"w": base["w"] * 1.001}
    far = {"w": torch.randn(40_000, generator=generator).half() * torch.randint(0, 2**30, (40_000,)).half()}
    files = {name: tmp_path / f"{name}.safetensors" for name in ("base", "near", "far")}
    for name, weights in {"base": base, "near": near, "far": far}.items():
        save_file(weights, files[name])
    publish("toy", files, {}, tmp_path / "weights")
    folder = tmp_path / "weights" / "toy"
    assert (folder / "near.safetensors").stat().st_size < 0.6 * files["near"].stat().st_size
    for name, weights in {"base": base, "near": near, "far": far}.items():
        spec = ModelSpec(f"toy/{name}", f"assets:toy/{name}.safetensors", None, "MIT")
        assert bits(stored_weights(spec, tmp_path)["w"]) == bits(weights["w"])
