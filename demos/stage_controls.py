"""The block equaliser: how much of the mix acts in each stage of the network, and in each of its layers."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demos.bars import MOST, Bars
from demos.fader import Fader
from demos.networks import OWN, Networks, OwnParts, prefix_of
from demos.words import hint
from pipelines.merging.presets import PRESETS, block_weights
from pipelines.merging.recipe import BlockRule, MergeRecipe
from pipelines.shared.family import Block

Updates = dict[Any, Any]
Values = Mapping[Any, Any]

ABOUT = "How much of the mix acts in each part of the network, first to last."
LAYERS = "Every layer, on top of its stage"
SMALLEST = 1e-3  # of a stage that a layer's own factor can be told under


@dataclass(frozen=True)
class Stages:
    """The parts of one network, a fader for each stage, and bars where it has layers."""

    blocks: tuple[Block, ...]
    layers: tuple[Block, ...]
    faders: list[Fader]
    bars: Bars | None


def build_stages(prefix: str, blocks: tuple[Block, ...], layers: tuple[Block, ...]) -> Stages:
    """Faders and bars in the current layout."""
    faders = [Fader(0, 2, 1, step=0.01, label=block.name, elem_id=f"{prefix}-stage-{index}", buttons=[])
              for index, block in enumerate(blocks)]  # fmt: skip
    bars: Bars | None = None
    if layers:
        gr.HTML(hint(LAYERS))
        bars = Bars(names=[one.name for one in layers], label=LAYERS, elem_id=f"{prefix}-layers")
    return Stages(blocks, layers, faders, bars)


class StageControls:
    """An accordion with a fader per stage, a curve over all of them, and bars for the layers.

    A recipe has one rule for a layer, stage times bar, in front of the rule of its stage: the first that fits counts.

    Attributes:
        faders, bars: of the network that is looked at; networks of the same stages share them.
        controls: every widget whose value is part of the recipe, and `extra`, the rules that no widget here shows.
    """

    def __init__(self, name: str, networks: Networks, parts: OwnParts) -> None:
        sharing: dict[Any, list[str]] = {}
        for network, family in networks.items():
            sharing.setdefault((family.blocks, family.layers), []).append(network)
        self._of: dict[str, Stages] = {}
        with gr.Accordion("Stages (flat)", open=False, elem_id=f"{name}-stages") as self.box:
            gr.HTML(hint(ABOUT))
            self.curve = gr.Dropdown(list(PRESETS), value=None, label="Curve", elem_id=f"{name}-curve",
                                     info="sets every stage by a formula over depth")  # fmt: skip
            for (blocks, layers), names in sharing.items():
                with parts.of(*names):
                    self._of |= dict.fromkeys(names, build_stages(prefix_of(name, names[0]), blocks, layers))
        self.extra = gr.State(())
        sets = {id(one): one for one in self._of.values()}.values()
        self.moved: list[Any] = [one for each in sets for one in (*each.faders, *([each.bars] if each.bars else []))]
        self.controls: list[Any] = [*self.moved, self.extra]
        self._look_at(OWN)

    def _look_at(self, network: str) -> None:
        mine = self._of[network]
        self._blocks, self._layers, self.faders, self.bars = mine.blocks, mine.layers, mine.faders, mine.bars

    def seen_as(self, network: str) -> StageControls:
        """The same widgets, with the stages that this network has."""
        view = copy(self)
        view._look_at(network)
        return view

    def rules(self, values: Values) -> tuple[BlockRule, ...]:
        """What the widgets ask for."""
        stages = {block.match: float(values[fader]) for block, fader in zip(self._blocks, self.faders, strict=True)}
        bars = values[self.bars] if self.bars else ()
        layers = tuple(
            BlockRule(layer.match, round(bar * stages.get(self._stage_of(layer.match), 1.0), 6))
            for layer, bar in zip(self._layers, bars, strict=True)
            if bar != 1
        )
        return (*values[self.extra], *layers, *(BlockRule(match, one) for match, one in stages.items() if one != 1))

    def shown(self, recipe: MergeRecipe) -> Updates:
        """Updates that put a recipe's rules on the widgets; a list that they cannot give back is kept as it came."""
        updates = self._placed(recipe.blocks)
        if self.rules(updates) != recipe.blocks or any(one.taken(updates[one]) != updates[one] for one in self.faders):
            updates = self._placed(()) | {self.extra: recipe.blocks}
        return updates | {self.box: gr.update(label=title_of(recipe))}

    def _placed(self, rules: tuple[BlockRule, ...]) -> Updates:
        """A factor for each widget, and the rules that have none."""
        factors = {rule.match: rule.factor for rule in rules if rule.expert is None}
        stages = [factors.get(block.match, 1.0) for block in self._blocks]
        by_match = dict(zip((block.match for block in self._blocks), stages, strict=True))
        bars = [self._bar(layer.match, factors, by_match) for layer in self._layers]
        mine = {layer.match for layer, bar in zip(self._layers, bars, strict=True) if bar is not None} | set(by_match)
        extra = tuple(rule for rule in rules if rule.expert is not None or rule.match not in mine)
        updates: Updates = {**dict(zip(self.faders, stages, strict=True)), self.extra: extra}
        if self.bars:
            updates[self.bars] = [1.0 if bar is None else bar for bar in bars]
        return updates

    def _bar(self, match: str, factors: Mapping[str, float], stages: Mapping[str, float]) -> float | None:
        """The bar of a layer: its factor over that of its stage; 1 without a rule, None where a bar cannot show it."""
        if match not in factors:
            return 1.0
        stage = stages.get(self._stage_of(match), 1.0)
        bar = round(factors[match] / stage, 2) if stage > SMALLEST else None
        return bar if bar is not None and 0 <= bar <= MOST and round(bar * stage, 6) == factors[match] else None

    def _stage_of(self, match: str) -> str:
        """The glob of the stage that a layer is in; empty where it is in none."""
        inside = (block.match for block in self._blocks if match.startswith(block.match.removesuffix("*")))
        return next(inside, "")

    def when_curve_chosen(self, values: Values) -> Updates:
        """Every stage where the curve is at its depth; the menu is free again."""
        if values[self.curve] is None:
            return {self.curve: gr.skip()}
        heights = (round(min(max(one, 0.0), 2.0), 4) for one in block_weights(values[self.curve], len(self.faders)))
        return {**dict(zip(self.faders, heights, strict=True)), self.curve: None}


def title_of(recipe: MergeRecipe) -> str:
    """Of the accordion: whether anything in it is off its middle."""
    return "Stages (curved)" if recipe.blocks else "Stages (flat)"
