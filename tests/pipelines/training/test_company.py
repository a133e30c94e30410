"""Experts in company: whose weights are added, who is mended, and that sums get better by it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipelines.training.company import PRESENT, Company, draw_company


@pytest.fixture
def base() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


@pytest.fixture
def company(base: nn.Linear) -> Company:
    return Company(base, {name: nn.Linear(3, 2) for name in ("one", "other", "third")})


def test_the_leader_works_with_the_changes_of_those_that_are_there(company: Company, base: nn.Linear) -> None:
    one, other = (company.experts[name].weight for name in ("one", "other"))
    x = torch.randn(5, 3)
    found = company.joined("one", {"other": 0.25}, lambda network: network(x))
    change = 0.25 * (other - base.weight), 0.25 * (company.experts["other"].bias - base.bias)
    assert torch.allclose(found, F.linear(x, one + change[0], company.experts["one"].bias + change[1]))
    assert torch.equal(company.joined("one", {}, lambda network: network(x)), company.experts["one"](x))
    without = company.joined(None, {"other": 0.25}, lambda network: network(x))
    assert torch.allclose(without, F.linear(x, base.weight + change[0], base.bias + change[1]))
    assert not any(name.startswith("_base") for name in company.state_dict()), "the base is not trained"


def test_gradients_reach_the_leader_alone(company: Company) -> None:
    company.joined("one", {"other": 1.0, "third": 0.5}, lambda network: network(torch.ones(1, 3)).sum()).backward()
    assert {name for name, p in company.named_parameters() if p.grad is not None} == {
        "experts.one.weight", "experts.one.bias",
    }  # fmt: skip


def test_company_draws_one_coefficient_for_all_that_are_there() -> None:
    rng, names = np.random.default_rng(0), ["a", "b", "c", "d"]
    drawn = [draw_company(rng, names) for _ in range(500)]
    assert all(len(set(one.values())) <= 1 and all(0 <= value <= 1 for value in one.values()) for one in drawn)
    assert np.mean([len(one) for one in drawn]) == pytest.approx(4 * PRESENT, abs=0.15)


def test_what_two_experts_spoil_for_each_other_is_mended_in_company() -> None:
    """Each has learned to add 1 to its own output, and spoils the other's by -0.5."""
    base = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        base.weight.zero_()
    first, second = copy.deepcopy(base), copy.deepcopy(base)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 1.0], [-0.5, -0.5]]))
        second.weight.copy_(torch.tensor([[-0.5, -0.5], [1.0, 1.0]]))
    company = Company(base, {"first": first, "second": second})
    x, optimizer = torch.ones(1, 2), torch.optim.SGD(company.parameters(), lr=0.1)

    def misses() -> float:
        return (company.joined("first", {"second": 1.0}, lambda network: network(x)) - 2).abs().max().item()

    before = misses()
    for step in range(200):
        lead, other = (("first", "second"), ("second", "first"))[step % 2]
        at = step % 2
        wanted = lambda network, at=at: (network(x)[0, at] - 2) ** 2  # noqa: E731
        optimizer.zero_grad(set_to_none=True)
        company.joined(lead, {other: 1.0}, wanted).backward()
        optimizer.step()
    assert before > 0.9 and misses() < 0.05
