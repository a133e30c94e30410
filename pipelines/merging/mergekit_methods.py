"""Which method of mergekit is which of ours, both ways, and how true the copy is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipelines.merging.errors import MergeError
from pipelines.merging.mergekit_reading import Reading
from pipelines.merging.mergekit_values import ValueRule, first_value
from pipelines.merging.recipe import COEFFICIENT_RANGE, BlockRule, DensityRule, MergeRecipe
from pipelines.merging.sparsify import AGGREGATES

EXACT, ULP, LOSSY, DROPPED = "exact", "≤1 ulp", "lossy", "dropped"
NEGATIVE_COSINES = "the same where no mean cosine is negative; a negative one counts as 0 here"
DRAWN = "same distribution, other draws"
Notes = dict[str, tuple[str, str]]  # field -> grade, note


def read_method(name: str, reading: Reading) -> tuple[MergeRecipe, Notes]:
    """A recipe, and a note about every field that was read."""
    notes: Notes = {"merge_method": (EXACT, "")}
    return FROM_MERGEKIT[name](reading, notes), notes


def faders(reading: Reading, notes: Notes, members: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Coefficients and block rules from the weights, of all but the base if no members are given."""
    coefficients, blocks = {}, []
    for task, path in (_members(reading) if members is None else members).items():
        rules = reading.rules("weight", path)
        if not rules:
            raise MergeError(f'model "{path}" has no weight')
        _check_complete(reading, rules, f'weight of "{path}"')
        if rules[0][0] == "*":
            coefficients[task] = rules[0][1]
        else:
            coefficients[task] = 1.0
            blocks += [BlockRule(glob, value, task) for glob, value in rules]
    notes["weight"] = (EXACT, "")
    return {"coefficients": tuple(coefficients.items()), "blocks": tuple(blocks)}


def densities_of(reading: Reading, notes: Notes) -> tuple[float, tuple[DensityRule, ...]]:
    """The density of all, and rules where it is not the same for all experts and keys; then theirs, 1, is the usual."""
    found = {task: reading.rules("density", path) or [("*", 1.0)] for task, path in _members(reading).items()}
    notes.setdefault("density", (EXACT, ""))
    values = {value for rules in found.values() for _, value in rules}
    if len(values) == 1:
        return values.pop(), ()
    rules = [DensityRule(glob, task, value) for task, one in found.items() for glob, value in one]
    return 1.0, tuple(rule for rule in rules if (rule.match, rule.density) != ("*", 1.0))


def relative_faders(reading: Reading, notes: Notes, members: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The same where only ratios count: brought into the range of a fader, the largest to 1, if one is outside."""
    parts = faders(reading, notes, members)
    values = values_of(parts)
    largest = max(abs(value) for value in values)
    if all(COEFFICIENT_RANGE[0] <= value <= COEFFICIENT_RANGE[1] for value in values):
        return parts
    notes["weight"] = (ULP, "only ratios count: the largest is 1 here")
    is_ruled = {rule.expert for rule in parts["blocks"]}
    return {
        "coefficients": tuple((t, v if t in is_ruled else v / largest) for t, v in parts["coefficients"]),
        "blocks": tuple(BlockRule(rule.match, rule.factor / largest, rule.expert) for rule in parts["blocks"]),
    }


def equal_faders(reading: Reading, members: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Every expert at 1: the method has no weights."""
    return {"coefficients": tuple((task, 1.0) for task in (_members(reading) if members is None else members))}


def values_of(parts: Mapping[str, Any]) -> list[float]:
    """All coefficients and factors of `faders`."""
    return [value for _, value in parts["coefficients"]] + [rule.factor for rule in parts["blocks"]]


def divisor_note(parts: Mapping[str, Any]) -> tuple[str, str]:
    """Grade and note of a mean by weight: ours divides by sizes, so that a negative weight cannot make the sum 0."""
    return (EXACT, "") if min(values_of(parts)) >= 0 else (LOSSY, "here the divisor is the sum of absolute weights")


def read_linear(reading: Reading, notes: Notes) -> MergeRecipe:
    """`linear`: the mean by weight, or a sum whose weights sum to 1."""
    parts = (relative_faders if reading.flag("normalize", True) else faders)(reading, notes, reading.experts)
    if reading.flag("normalize", True):
        notes["normalize"] = divisor_note(parts)
        return MergeRecipe("average", **parts)
    if parts["blocks"] or abs(sum(value for _, value in parts["coefficients"]) - 1) > 1e-12:
        raise MergeError("linear without normalize, and weights do not sum to 1: that scales the base too")
    notes["normalize"] = (EXACT, "weights sum to 1")
    return MergeRecipe("task_arithmetic", **parts)


def read_task_arithmetic(reading: Reading, notes: Notes) -> MergeRecipe:
    """`task_arithmetic`; with normalize it is our average."""
    parts = faders(reading, notes)
    if not reading.flag("normalize", False):
        return _scaled(reading, MergeRecipe("task_arithmetic", **parts), notes)
    notes["normalize"] = divisor_note(parts)
    return _scaled(reading, MergeRecipe("average", **parts), notes)


def read_ties(reading: Reading, notes: Notes) -> MergeRecipe:
    """`ties`: trimmed tensor by tensor; mean with normalize, else sum."""
    settings = [("scope", "tensor")]
    recipe = _elected(reading, "ties", settings, ("aggregate", "mean", "sum", "weighted"), True, notes)
    if reading.flag("rescale", False):
        notes["rescale"] = (DROPPED, "trimmed vectors keep their size here")
    return recipe


def read_dare(reading: Reading, notes: Notes, is_elected: bool) -> MergeRecipe:
    """`dare_linear`, `dare_ties`."""
    is_rescaled = reading.flag("rescale", True)
    whole = (LOSSY, "sizes are made up for over the whole vector, there in each tensor")
    notes["rescale"] = whole if is_rescaled else (EXACT, "")
    notes["density"] = (LOSSY, DRAWN)
    return _thinned(reading, "dare", [("rescale", "l1" if is_rescaled else "none")], is_elected, False, notes)


def read_della(reading: Reading, notes: Notes, is_elected: bool) -> MergeRecipe:
    """`della_linear`, `della`."""
    is_rescaled = reading.flag("rescale", True)
    notes["rescale"] = (LOSSY, "each entry is divided by its own probability") if is_rescaled else (EXACT, "")
    settings = [("epsilon", _one_value(reading, "epsilon", 0.15, notes)),
                ("rescale", "inverse" if is_rescaled else "none")]  # fmt: skip
    notes["density"] = (LOSSY, DRAWN)
    return _thinned(reading, "della", settings, is_elected, is_elected, notes)


def read_breadcrumbs(reading: Reading, notes: Notes, is_elected: bool) -> MergeRecipe:
    """`breadcrumbs`, `breadcrumbs_ties`."""
    settings = [("gamma", _one_value(reading, "gamma", 0.01, notes))]
    return _thinned(reading, "breadcrumbs", settings, is_elected, False, notes)


def read_sce(reading: Reading, notes: Notes) -> MergeRecipe:
    """`sce`."""
    settings = (("density", _one_value(reading, "select_topk", 1.0, notes)),)
    return MergeRecipe("sce", **equal_faders(reading), settings=settings)


def read_ram(reading: Reading, notes: Notes, is_plus: bool) -> MergeRecipe:
    """`ram`, `ramplus_tl`."""
    settings = [("limit", _one_value(reading, "epsilon", 1e-5, notes))]
    if is_plus:
        settings += [("gain", _one_value(reading, "r", 0.1, notes)), ("cap", _one_value(reading, "alpha", 0.2, notes))]
    return MergeRecipe("ram", **equal_faders(reading), settings=tuple(settings))


def read_slerp(reading: Reading, notes: Notes) -> MergeRecipe:
    """`slerp`: from the base to the other model, whole networks."""
    first, second = _pair(reading, "slerp")
    rules = reading.rules("t")
    if not rules:
        raise MergeError("slerp needs t")
    _check_complete(reading, rules, "t")
    notes["t"] = (ULP, "")
    blocks: tuple[BlockRule, ...] = ()
    if rules[0][0] == "*":
        coefficients = ((first, 1.0 - rules[0][1]), (second, rules[0][1]))
    else:
        coefficients = ((first, 1.0), (second, 1.0))
        blocks = (*(BlockRule(glob, 1.0 - value, first) for glob, value in rules),
                  *(BlockRule(glob, value, second) for glob, value in rules))  # fmt: skip
    return MergeRecipe("slerp", coefficients, settings=(("space", "weights"),), blocks=blocks)


def read_nuslerp(reading: Reading, notes: Notes) -> MergeRecipe:
    """`nuslerp`: of task vectors where a base is named, else of whole networks."""
    along = "tensor"
    if not reading.flag("nuslerp_flatten", True):
        along = "column" if reading.flag("nuslerp_row_wise", False) else "row"
        notes["nuslerp_row_wise"] = (LOSSY, "matrices alike; of a convolution, kernels belong to the inputs here")
    return MergeRecipe("nuslerp", **relative_faders(reading, notes), settings=(("along", along), _space(reading)))


def read_multislerp(reading: Reading, notes: Notes) -> MergeRecipe:
    """`multislerp`: of task vectors where a base is named, else of whole networks."""
    notes["merge_method"] = (LOSSY, "there the step from the straight mean is 0")
    return MergeRecipe("multislerp", **relative_faders(reading, notes), settings=(_space(reading),))


def read_karcher(reading: Reading, notes: Notes) -> MergeRecipe:
    """`karcher`: whole networks, all alike."""
    notes["merge_method"] = (ULP, "")
    return MergeRecipe("karcher", **equal_faders(reading, reading.experts), settings=(("space", "weights"),))


def read_model_stock(reading: Reading, notes: Notes) -> MergeRecipe:
    """`model_stock`."""
    notes["merge_method"] = (LOSSY, NEGATIVE_COSINES)
    along = "row" if reading.flag("filter_wise", False) else "tensor"
    return MergeRecipe("model_stock", **equal_faders(reading), settings=(("along", along),))


def read_nearswap(reading: Reading, notes: Notes) -> MergeRecipe:
    """`nearswap`: from the base towards the other model."""
    tasks = _pair(reading, "nearswap")
    settings = (("limit", _one_value(reading, "t", 0.0, notes)),)
    return MergeRecipe("near_swap", tuple((task, 1.0) for task in tasks), settings=settings)


FROM_MERGEKIT: dict[str, Callable[[Reading, Notes], MergeRecipe]] = {
    "linear": read_linear,
    "task_arithmetic": read_task_arithmetic,
    "ties": read_ties,
    "dare_linear": lambda reading, notes: read_dare(reading, notes, False),
    "dare_ties": lambda reading, notes: read_dare(reading, notes, True),
    "della_linear": lambda reading, notes: read_della(reading, notes, False),
    "della": lambda reading, notes: read_della(reading, notes, True),
    "breadcrumbs": lambda reading, notes: read_breadcrumbs(reading, notes, False),
    "breadcrumbs_ties": lambda reading, notes: read_breadcrumbs(reading, notes, True),
    "sce": read_sce,
    "ram": lambda reading, notes: read_ram(reading, notes, False),
    "ramplus_tl": lambda reading, notes: read_ram(reading, notes, True),
    "slerp": read_slerp,
    "nuslerp": read_nuslerp,
    "multislerp": read_multislerp,
    "karcher": read_karcher,
    "model_stock": read_model_stock,
    "nearswap": read_nearswap,
}


def _members(reading: Reading) -> dict[str, str]:
    """Experts that are merged: a named base does not move against itself."""
    return {task: path for task, path in reading.experts.items() if not (reading.has_base and path == reading.base)}


def _pair(reading: Reading, name: str) -> tuple[str, str]:
    """The base first, then the other."""
    tasks = sorted(reading.experts, key=lambda task: reading.experts[task] != reading.base)
    if len(tasks) != 2 or reading.experts[tasks[0]] != reading.base:
        raise MergeError(f"{name} takes two models, one of them the base_model; got {', '.join(reading.experts)}")
    return tasks[0], tasks[1]


def _space(reading: Reading) -> tuple[str, str]:
    return "space", "vectors" if reading.has_base else "weights"


def _check_complete(reading: Reading, rules: Sequence[ValueRule], name: str) -> None:
    if rules[-1][0] != "*":
        if reading.keys is None:
            raise MergeError(
                f"{name} has no entry without filter: the base checkpoint must be at hand to check its keys"
            )
        for key in reading.keys:
            first_value(rules, key)


def _one_value(reading: Reading, name: str, default: float, notes: Notes) -> float:
    """One number for all; the mean, and a note, where a configuration has several."""
    found = [value for path in _members(reading).values() for _, value in reading.rules(name, path) or [("*", default)]]
    is_one = len(set(found)) == 1
    notes[name] = (EXACT, "") if is_one else (LOSSY, f"one value for all here: the mean of {sorted(set(found))}")
    return found[0] if is_one else sum(found) / len(found)


def _scaled(reading: Reading, recipe: MergeRecipe, notes: Notes) -> MergeRecipe:
    rules = reading.rules("lambda") or [("*", 1.0)]
    notes["lambda"] = (EXACT, "")
    if rules[0][0] == "*":
        return replace(recipe, scale=rules[0][1])
    _check_complete(reading, rules, "lambda")
    return replace(recipe, blocks=(*recipe.blocks, *(BlockRule(glob, value) for glob, value in rules)))


def _elected(
    reading: Reading, method: str, settings: list[Any], choice: Sequence[str], normalize: bool, notes: Notes
) -> MergeRecipe:
    """An election whose `choice` (setting, mean, sum, mean by weight) goes by normalize. Their mean is by weight."""
    name, mean, total, weighted = choice
    parts = faders(reading, notes)
    if not reading.flag("normalize", normalize):
        chosen = total
    elif not parts["blocks"] and len({value for _, value in parts["coefficients"]}) == 1:
        parts, chosen = equal_faders(reading), mean
        notes["weight"] = (EXACT, "equal weights cancel in their mean: all are 1 here")
    else:
        chosen = weighted
        notes["normalize"] = divisor_note(parts)
    density, densities = densities_of(reading, notes)
    all_settings = (("density", density), *settings, (name, chosen))
    return _scaled(reading, MergeRecipe(method, **parts, settings=all_settings, densities=densities), notes)


def _thinned(
    reading: Reading, method: str, settings: list[Any], is_elected: bool, normalize: bool, notes: Notes
) -> MergeRecipe:
    if is_elected:
        return _elected(reading, method, settings, ("combine", *AGGREGATES), normalize, notes)
    if reading.flag("normalize", False):
        notes["normalize"] = (DROPPED, "the sum is not divided here")
    density, densities = densities_of(reading, notes)
    settings = [("density", density), *settings, ("combine", "linear")]
    recipe = MergeRecipe(method, **faders(reading, notes), settings=tuple(settings), densities=densities)
    return _scaled(reading, recipe, notes)
