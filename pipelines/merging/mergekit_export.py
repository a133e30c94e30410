"""Our methods as mergekit's: the other half of mergekit_methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.merging.errors import MergeError
from pipelines.merging.mergekit_methods import DRAWN, DROPPED, EXACT, LOSSY, NEGATIVE_COSINES, ULP, Notes
from pipelines.merging.mergekit_values import ValueRule, escaped, first_value, setting_from
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.sparsify import AGGREGATES

Body = dict[str, Any]


@dataclass(frozen=True)
class Writing:
    """What is to be written: experts that act, and the keys that are merged."""

    recipe: MergeRecipe
    base: str
    experts: Mapping[str, str]
    keys: Sequence[str]
    notes: Notes

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the method, defaults filled in."""
        return self.recipe.full_settings()

    def weight_rules(self, task: str) -> list[ValueRule]:
        """Coefficient of an expert, key by key."""
        own = self.recipe.coefficient(task)
        rules = [(rule.match, rule.factor * own) for rule in self.recipe.blocks if rule.expert == task]
        return rules if rules and rules[-1][0] == "*" else [*rules, ("*", own)]

    def scale_rules(self) -> list[ValueRule]:
        """Factor of the merged vector, key by key."""
        scale = self.recipe.scale
        rules = [(rule.match, rule.factor * scale) for rule in self.recipe.blocks if rule.expert is None]
        return rules if rules and rules[-1][0] == "*" else [*rules, ("*", scale)]

    def weights(self, task: str) -> Any:
        """The weight parameter of an expert."""
        return setting_from(self.weight_rules(task), self.keys)

    def has_equal_weights(self) -> bool:
        """Whether all experts have one and the same coefficient everywhere."""
        return len({first_value(self.weight_rules(task), key) for task in self.experts for key in self.keys}) == 1

    def density(self, task: str) -> Any:
        """The density parameter of an expert."""
        rules = [(rule.match, rule.density) for rule in self.recipe.densities if rule.expert == task]
        return setting_from([*rules, ("*", self.settings["density"])], self.keys)

    def models(self, *, weighted: bool = True, thinned: bool = False, **parameters: Any) -> list[Body]:
        """The list of models, with their weights and densities if the method has them."""
        listed = []
        for task, path in self.experts.items():
            own = ({"weight": self.weights(task)} if weighted else {}) | parameters
            own |= {"density": self.density(task)} if thinned else {}
            listed.append({"model": path} | ({"parameters": own} if own else {}))
        return listed

    def scaled(self, body: Body) -> Body:
        """The body with its lambda; left out where it is 1."""
        scale = setting_from(self.scale_rules(), self.keys)
        return body if scale == 1.0 else body | {"parameters": {**body.get("parameters", {}), "lambda": scale}}

    def unscaled(self, body: Body, name: str) -> Body:
        """The body. Raises MergeError: the recipe scales the merged vector, which the method there cannot."""
        if setting_from(self.scale_rules(), self.keys) != 1.0:
            raise MergeError(f"mergekit's {name} has no scale: set scale and equaliser to 1, or store the network")
        return body

    def raised(self, name: str) -> None:
        """Raises MergeError: a tensor for which no expert is raised keeps the base here, which the method there cannot.

        An expert at 0 beside one that is raised is no trouble.
        """
        rules = [self.weight_rules(task) for task in self.experts]
        for key in self.keys:
            if all(first_value(one, key) == 0 for one in rules):
                raise MergeError(f"no expert is raised for {key}, and mergekit's {name} cannot keep the base there: "
                                 "raise one in that block, or store the network")  # fmt: skip

    def signed(self) -> None:
        """Note that a mean by weight is another one there if a weight is negative."""
        if min(value for task in self.experts for _, value in self.weight_rules(task)) < 0:
            self.notes["weights"] = (LOSSY, "there the divisor is the sum of weights, not of their absolute values")

    def unweighted(self, name: str) -> None:
        """Note that the method there has no weights."""
        if not self.has_equal_weights():
            self.notes["weight"] = (LOSSY, f"{name} there weighs all alike")


def write_method(recipe: MergeRecipe, base: str, experts: Mapping[str, str], keys: Sequence[str]) -> tuple[Body, Notes]:
    """A configuration without its dtype, and a note about each field."""
    if recipe.method not in TO_MERGEKIT:
        raise MergeError(
            f'"{recipe.method}" has no counterpart in mergekit: merge to a checkpoint, and pass that one through '
            f"(merge --freeze); {', '.join(TO_MERGEKIT)} have one"
        )
    writing = Writing(recipe, base, experts, keys, {"method": (EXACT, ""), "weights": (EXACT, "")})
    return TO_MERGEKIT[recipe.method](writing), writing.notes


def write_task_arithmetic(writing: Writing) -> Body:
    """`task_arithmetic`."""
    return writing.scaled({"merge_method": "task_arithmetic", "base_model": writing.base, "models": writing.models()})


def write_average(writing: Writing) -> Body:
    """`linear`; with a scale, `task_arithmetic` with normalize."""
    writing.signed()
    body: Body = {"models": writing.models(), "parameters": {"normalize": True}}
    if setting_from(writing.scale_rules(), writing.keys) == 1.0:
        writing.raised("linear")
        writing.notes["base"] = (EXACT, "its part cancels: left out, since there it would be one more model")
        return {"merge_method": "linear", **body}
    return writing.scaled({"merge_method": "task_arithmetic", "base_model": writing.base, **body})


def write_ties(writing: Writing) -> Body:
    """`ties`. Raises MergeError: the largest of the agreeing is asked for."""
    settings = writing.settings
    if settings["scope"] == "global":
        writing.notes["scope"] = (LOSSY, "there each tensor is trimmed by itself")
    if settings["aggregate"] == "max":
        raise MergeError("TIES with the largest instead of the mean or sum has no counterpart in mergekit")
    return _elected(writing, "ties", settings["aggregate"], {}, {})


def write_dare(writing: Writing) -> Body:
    """`dare_linear`, `dare_ties`."""
    settings = writing.settings
    writing.notes["seed"] = (LOSSY, DRAWN)
    if settings["rescale"] != "none":
        writing.notes["rescale"] = (LOSSY, "there the sum of sizes of each tensor is kept")
    return _thinned(writing, "dare", {}, {"rescale": settings["rescale"] != "none"})


def write_della(writing: Writing) -> Body:
    """`della_linear`, `della`."""
    settings = writing.settings
    writing.notes["seed"] = (LOSSY, DRAWN)
    return _thinned(writing, "della", {"epsilon": settings["epsilon"]}, {"rescale": settings["rescale"] != "none"})


def write_breadcrumbs(writing: Writing) -> Body:
    """`breadcrumbs`, `breadcrumbs_ties`."""
    return _thinned(writing, "breadcrumbs", {"gamma": writing.settings["gamma"]}, {})


def write_sce(writing: Writing) -> Body:
    """`sce`."""
    writing.unweighted("SCE")
    body = {"merge_method": "sce", "base_model": writing.base, "models": writing.models(weighted=False),
            "parameters": {"select_topk": writing.settings["density"]}}  # fmt: skip
    return writing.unscaled(body, "sce")


def write_ram(writing: Writing) -> Body:
    """`ram`; with a gain, `ramplus_tl`."""
    writing.unweighted("RAM")
    settings = writing.settings
    parameters = {"epsilon": settings["limit"]}
    if settings["gain"] != 0:
        parameters |= {"r": settings["gain"], "alpha": settings["cap"]}
    body = {"merge_method": "ram" if settings["gain"] == 0 else "ramplus_tl", "base_model": writing.base,
            "models": writing.models(weighted=False), "parameters": parameters}  # fmt: skip
    return writing.unscaled(body, "ram")


def write_slerp(writing: Writing) -> Body:
    """`slerp` of whole networks, `nuslerp` of task vectors."""
    if writing.settings["space"] == "vectors":
        return _nuslerp(writing, "tensor", "vectors")
    (first, second), paths = _pair(writing)
    writing.raised("slerp")
    sides = writing.weight_rules(first), writing.weight_rules(second)
    if [glob for glob, _ in sides[0]] == [glob for glob, _ in sides[1]]:
        rules = [(glob, _share(a, b)) for (glob, a), (_, b) in zip(*sides, strict=True)]
    else:
        rules = [(escaped(key), _share(*(first_value(side, key) for side in sides))) for key in writing.keys]
    writing.notes["method"] = (ULP, "")
    models = [{"model": path} for path in paths]
    body = {"merge_method": "slerp", "base_model": paths[0], "models": models,
            "parameters": {"t": setting_from(rules, writing.keys)}}  # fmt: skip
    return writing.unscaled(body, "slerp")


def write_nuslerp(writing: Writing) -> Body:
    """`nuslerp`."""
    return _nuslerp(writing, writing.settings["along"], writing.settings["space"])


def write_multislerp(writing: Writing) -> Body:
    """`multislerp`."""
    writing.notes["method"] = (LOSSY, "there the step from the straight mean is 0")
    body: Body = {"merge_method": "multislerp", "models": writing.models()}
    body |= {"base_model": writing.base} if writing.settings["space"] == "vectors" else {}
    return writing.unscaled(body, "multislerp")


def write_karcher(writing: Writing) -> Body:
    """`karcher`."""
    writing.unweighted("karcher")
    if writing.settings["space"] == "vectors":
        writing.notes["space"] = (LOSSY, "there it is the mean of whole networks")
    return writing.unscaled({"merge_method": "karcher", "models": writing.models(weighted=False)}, "karcher")


def write_model_stock(writing: Writing) -> Body:
    """`model_stock`."""
    writing.notes["method"] = (LOSSY, NEGATIVE_COSINES)
    writing.notes["weights"] = (EXACT, "their heights do not count in either")
    if any(value < 0 for task in writing.experts for _, value in writing.weight_rules(task)):
        writing.notes["weights"] = (LOSSY, "there no expert can be turned around")
    body = {"merge_method": "model_stock", "base_model": writing.base, "models": writing.models(weighted=False),
            "parameters": {"filter_wise": writing.settings["along"] == "row"}}  # fmt: skip
    return writing.unscaled(body, "model_stock")


def write_near_swap(writing: Writing) -> Body:
    """`nearswap`."""
    tasks, paths = _pair(writing)
    if any(writing.weights(task) != 1.0 for task in tasks):
        writing.notes["weights"] = (DROPPED, "nearswap goes from one whole network to another")
    body = {"merge_method": "nearswap", "base_model": paths[0], "models": [{"model": path} for path in paths],
            "parameters": {"t": writing.settings["limit"]}}  # fmt: skip
    return writing.unscaled(body, "nearswap")


TO_MERGEKIT: dict[str, Callable[[Writing], Body]] = {
    "average": write_average,
    "task_arithmetic": write_task_arithmetic,
    "slerp": write_slerp,
    "nuslerp": write_nuslerp,
    "multislerp": write_multislerp,
    "karcher": write_karcher,
    "model_stock": write_model_stock,
    "near_swap": write_near_swap,
    "ties": write_ties,
    "dare": write_dare,
    "della": write_della,
    "breadcrumbs": write_breadcrumbs,
    "sce": write_sce,
    "ram": write_ram,
}


def _pair(writing: Writing) -> tuple[tuple[str, str], list[str]]:
    if len(writing.experts) != 2:
        raise MergeError(f"{writing.recipe.method} there takes two experts, {len(writing.experts)} are raised")
    first, second = writing.experts
    return (first, second), list(writing.experts.values())


def _share(first: float, second: float) -> float:
    if min(first, second) < 0:
        raise MergeError("an expert is turned around: there a path has no negative end")
    return second / (first + second or 1.0)  # both 0: of a rule that another one precedes


def _nuslerp(writing: Writing, along: str, space: str) -> Body:
    _pair(writing)
    writing.raised("nuslerp")
    flags = {"nuslerp_flatten": True} if along == "tensor" else {
        "nuslerp_flatten": False, "nuslerp_row_wise": along == "column"}  # fmt: skip
    if along != "tensor":
        writing.notes["along"] = (LOSSY, "matrices alike; of a convolution, kernels belong to the inputs here")
    writing.notes["method"] = (ULP, "")
    body: Body = {"merge_method": "nuslerp", "models": writing.models(), "parameters": flags}
    body |= {"base_model": writing.base} if space == "vectors" else {}
    return writing.unscaled(body, "nuslerp")


def _elected(writing: Writing, name: str, aggregate: str, own: Body, shared: Body) -> Body:
    is_even = writing.has_equal_weights() and writing.weights(next(iter(writing.experts))) == 1.0
    if aggregate == "mean" and not is_even:
        writing.notes["weights"] = (LOSSY, "their mean divides by the agreeing weights, ours by how many agree")
    if aggregate == "weighted":
        writing.signed()
    body = {"merge_method": name, "base_model": writing.base, "models": writing.models(thinned=True, **own),
            "parameters": {"normalize": aggregate != "sum", **shared}}  # fmt: skip
    return writing.scaled(body)


def _thinned(writing: Writing, stem: str, own: Body, shared: Body) -> Body:
    combine = writing.settings["combine"]
    plain = {"dare": "dare_linear", "della": "della_linear", "breadcrumbs": "breadcrumbs"}[stem]
    if combine == "linear":
        body = {"merge_method": plain, "base_model": writing.base, "models": writing.models(thinned=True, **own),
                "parameters": {"normalize": False, **shared}}  # fmt: skip
        return writing.scaled(body)
    elected = {"dare": "dare_ties", "della": "della", "breadcrumbs": "breadcrumbs_ties"}[stem]
    return _elected(writing, elected, AGGREGATES[combine], own, shared)
