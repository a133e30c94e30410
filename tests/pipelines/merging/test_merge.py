"""Checkpoints in float64, whose numbers float32 does not hold: what is not moved stays theirs."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.errors import MergeError
from pipelines.merging.merge import merge
from pipelines.merging.recipe import BlockRule, MergeRecipe

BASE = {
    "moved": torch.tensor([0.1, 1 / 3, 1e-300, -0.7], dtype=torch.float64),
    "frozen": torch.tensor([0.1, 1e-60], dtype=torch.float64),
    "counter": torch.tensor(3),
}
EXPERT = BASE | {"moved": BASE["moved"] + torch.tensor([0.5, 0.0, 0.0, 0.25], dtype=torch.float64)}
FADER = MergeRecipe(coefficients=(("one", 0.5),))


@pytest.mark.parametrize(
    "silent",
    [
        MergeRecipe(coefficients=(("one", 1.0),), scale=0.0),
        MergeRecipe(coefficients=(("one", 0.0),)),
        MergeRecipe(coefficients=(("one", 1.0),), blocks=(BlockRule("moved", 0.0),)),
    ],
)
def test_silence_gives_back_every_bit_of_a_base_in_float64(silent: MergeRecipe) -> None:
    merged = merge(BASE, {"one": EXPERT}, silent)
    assert all(torch.equal(merged[key], value) and merged[key].dtype == value.dtype for key, value in BASE.items())


def test_of_a_mix_in_float64_only_moved_numbers_are_rounded() -> None:
    merged = merge(BASE, {"one": EXPERT}, FADER)
    assert torch.equal(merged["frozen"], BASE["frozen"])
    assert torch.equal(merged["moved"][1:3], BASE["moved"][1:3])
    wanted = torch.tensor([0.35, -0.575], dtype=torch.float64)
    torch.testing.assert_close(merged["moved"][[0, 3]], wanted, rtol=1e-6, atol=0)


def test_tied_names_stay_one_tensor_in_float64() -> None:
    base = BASE | {"tied": BASE["moved"]}
    merged = merge(base, {"one": EXPERT | {"tied": EXPERT["moved"]}}, FADER)
    assert merged["tied"] is merged["moved"]


@pytest.mark.parametrize("owner", ["the base", 'expert "one"'])
def test_numbers_beyond_float32_are_refused_by_owner_and_key(owner: str) -> None:
    far = BASE | {"frozen": torch.tensor([0.1, -1e39], dtype=torch.float64)}
    base, expert = (far, EXPERT) if owner == "the base" else (BASE, far)
    with pytest.raises(MergeError, match=f"{owner} has values in frozen beyond 3.4e38"):
        merge(base, {"one": expert}, FADER)
