"""Averages weighed by data: Fisher merging and RegMean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipelines.merging.errors import MergeError
from pipelines.merging.fisher import fisher_mean
from pipelines.merging.regmean import regression_mean


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


EXPERTS = [random(i, 5, 7) for i in range(3)]
FISHERS = [random(10 + i, 5, 7) ** 2 for i in range(3)]
INPUTS = [random(20 + i, 40, 7) for i in range(3)]


def test_fisher_weighs_each_entry():
    found = fisher_mean(EXPERTS, FISHERS, floor=0.0)
    for place in ((0, 0), (4, 6), (2, 3)):
        weights = [float(one[place]) for one in FISHERS]
        wanted = sum(w * float(e[place]) for w, e in zip(weights, EXPERTS, strict=True)) / sum(weights)
        assert float(found[place]) == pytest.approx(wanted)


def test_fisher_of_equal_or_no_information_is_the_mean_and_the_floor_counts():
    mean = torch.stack(EXPERTS).mean(0)
    for level in (0.0, 0.3):
        torch.testing.assert_close(fisher_mean(EXPERTS, [torch.full((5, 7), level).double()] * 3), mean)
    one_sided = [torch.ones(5, 7).double(), torch.zeros(5, 7).double()]
    torch.testing.assert_close(fisher_mean(EXPERTS[:2], one_sided, floor=1.0), (EXPERTS[0] + EXPERTS[1]) / 2)
    torch.testing.assert_close(fisher_mean(EXPERTS[:2], one_sided, floor=1e-12), EXPERTS[0])


def test_regmean_has_the_least_error_on_every_experts_inputs():
    grams = [x.T @ x for x in INPUTS]
    found = regression_mean(EXPERTS, grams, off_diagonal=1.0)
    stacked = torch.cat(INPUTS)
    wanted = torch.cat([x @ e.T for x, e in zip(INPUTS, EXPERTS, strict=True)])
    torch.testing.assert_close(found, torch.linalg.lstsq(stacked, wanted).solution.T, rtol=1e-4, atol=1e-5)


def test_regmean_of_equal_inputs_is_the_mean_and_so_is_none():
    mean = torch.stack(EXPERTS).mean(0)
    gram = INPUTS[0].T @ INPUTS[0]
    torch.testing.assert_close(regression_mean(EXPERTS, [gram] * 3), mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(regression_mean(EXPERTS, [0 * gram] * 3), mean)
    thin = INPUTS[0][:2].T @ INPUTS[0][:2]
    torch.testing.assert_close(regression_mean(EXPERTS, [thin] * 3, off_diagonal=1.0), mean, rtol=1e-4, atol=1e-4)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(MergeError, match="Fisher diagonals"):
        fisher_mean(EXPERTS, FISHERS[:2])
    with pytest.raises(MergeError, match="inner products"):
        regression_mean(EXPERTS, [torch.eye(6).double()] * 3)
