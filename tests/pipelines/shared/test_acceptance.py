"""Mixes chosen on one split and judged on another, worked by hand."""

from __future__ import annotations

import pytest

from pipelines.shared.acceptance import Bar, acceptance, best_mix, common_mixes

BAR = Bar(0.7, 0.015, "plain")
MATRIX = {
    "base": {"plain": 0.8, "curved": 0.4, "lowres": 0.3},
    "curved": {"plain": 0.8, "curved": 0.8, "lowres": 0.3},
    "lowres": {"plain": 0.8, "curved": 0.4, "lowres": 0.3},
}


def test_kept_is_a_share_of_the_gain_and_who_gained_nothing_has_none() -> None:
    mixed = MATRIX | {"mix": {"plain": 0.79, "curved": 0.7, "lowres": 0.1}}
    found = acceptance(mixed, "mix", ("curved", "lowres"), BAR)
    assert found.kept == pytest.approx({"curved": 0.75}) and found.lost == pytest.approx(0.01) and found.is_met
    assert not acceptance(mixed, "mix", ("lowres",), BAR).is_met


@pytest.mark.parametrize(("plain", "curved", "is_met"), [(0.786, 0.68, True), (0.78, 0.8, False), (0.8, 0.67, False)])
def test_enough_is_kept_and_little_lost(plain: float, curved: float, is_met: bool) -> None:
    mixed = MATRIX | {"mix": {"plain": plain, "curved": curved, "lowres": 0.3}}
    assert acceptance(mixed, "mix", ("curved",), BAR).is_met == is_met


def test_every_method_and_scale_has_a_mix_with_one_coefficient() -> None:
    mixes = common_mixes(("curved", "lowres"), ("ties",), (0.2, 1.0))
    assert {name: (mix.method, mix.scale) for name, mix in mixes.items()} == {
        "ties 0.2": ("ties", 0.2), "ties 1": ("ties", 1.0)
    }  # fmt: skip
    assert {mix.coefficients for mix in mixes.values()} == {(("curved", 1.0), ("lowres", 1.0))}


def test_the_best_mix_is_the_best_that_can_be_afforded() -> None:
    rows = {"base": {"plain": 0.8, "curved": 0.4}, "weak": {"plain": 0.8, "curved": 0.5},
            "fair": {"plain": 0.79, "curved": 0.6}, "strong": {"plain": 0.6, "curved": 0.9}}  # fmt: skip
    assert best_mix(rows, ("curved",), BAR) == "fair"
    dear = {"base": rows["base"], "strong": rows["strong"], "fair": {"plain": 0.7, "curved": 0.5}}
    assert best_mix(dear, ("curved",), BAR) == "fair"
