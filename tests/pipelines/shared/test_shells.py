"""Shells: networks made ahead and filled by handing tensors over."""

import threading

import pytest
import torch
from torch import nn

from pipelines.shared.shells import Shell, Shells


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.out.weight = self.inner.weight
        self.register_buffer("scale", torch.ones(3))

    def forward(self, x):
        return self.out(self.inner(x)) * self.scale


def test_a_filled_shell_computes_what_the_loaded_network_does():
    network = Tied()
    filled = Shell(Tied).filled(network.state_dict())
    x = torch.randn(2, 3)
    assert torch.equal(filled(x), network(x))
    assert filled.inner.weight.data_ptr() == network.inner.weight.data_ptr()  # handed over, not copied
    assert not any(parameter.requires_grad for parameter in filled.parameters())
    assert not filled.training


@pytest.mark.parametrize("change", ["missing", "left over", "another shape", "another name"])
def test_tensors_that_do_not_fit_are_named(change):
    weights = dict(Tied().state_dict())
    if change in ("missing", "another name"):
        del weights["scale"]
    if change in ("left over", "another name"):
        weights["scales"] = torch.ones(3)
    if change == "another shape":
        weights["scale"] = torch.ones(4)
    with pytest.raises(ValueError, match="scale"):
        Shell(Tied).filled(weights)


def test_the_reserve_never_lends_a_shell_twice(toy_family):
    shells = Shells(threading.Lock())
    taken = []
    for _ in range(3):
        taken.append(shells.take(toy_family))
        shells.wait()
    assert len({id(shell) for shell in taken}) == 3


def test_the_next_shell_is_made_ahead(toy_family):
    shells = Shells(threading.Lock())
    shells.take(toy_family)
    shells.wait()
    reserved = shells._reserve[toy_family.name]
    assert shells.take(toy_family) is reserved
    shells.wait()
