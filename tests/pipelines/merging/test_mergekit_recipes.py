"""mergekit's configurations: read, written, read again; and what they mean, worked out tensor by tensor in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.merging.errors import MergeError
from pipelines.merging.merge import merge
from pipelines.merging.mergekit_recipes import Imported, export_mergekit, import_mergekit, is_mergekit
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe
from tests.pipelines.merging import reference, reference_kin

LAYERS = 12  # so that "layers.1" is also a part of "layers.10" and "layers.11"
SHAPES = {
    "model.embed_tokens.weight": (11, 6),
    **{f"model.layers.{i}.{part}.weight": (6, 6) for i in range(LAYERS) for part in ("self_attn.q_proj", "mlp.up")},
    "model.norm.weight": (6,),
    "lm_head.weight": (11, 6),
}
KEYS = tuple(SHAPES)


def weights(seed: int, size: float) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {key: size * torch.randn(shape, generator=generator) for key, shape in SHAPES.items()}


BASE = weights(0, 0.5)
FILES = {"org/base": BASE} | {
    path: {key: BASE[key] + change for key, change in weights(seed, 0.1).items()}
    for seed, path in enumerate(("org/math", "org/code", "org/chat"), start=1)
}


def merged(imported: Imported) -> dict[str, Tensor]:
    experts = {task: FILES[path] for task, path in imported.experts.items()}
    return merge(FILES[imported.base], experts, imported.recipe)


def model(path: str, **parameters: Any) -> dict[str, Any]:
    return {"model": path, "parameters": parameters} if parameters else {"model": path}


def config(method: str, *models: dict[str, Any], base: str | None = None, **parameters: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"merge_method": method, "models": list(models), "dtype": "float32"}
    made |= {"base_model": base} if base else {}
    return made | ({"parameters": parameters} if parameters else {})


def deltas(*paths: str) -> Callable[[str], Tensor]:
    return lambda key: torch.stack([(FILES[path][key] - BASE[key]).double().reshape(-1) for path in paths])


def assert_is(imported: Imported, expected: Callable[[str], Tensor], tolerance: float = 3e-7) -> None:
    """`expected(key)` is the whole merged tensor, float64, flat."""
    for key, tensor in merged(imported).items():
        error = (tensor.double().reshape(-1) - expected(key)).abs().max()
        assert float(error) < tolerance, f"{key} is off by {float(error)}"


def flat(key: str, path: str = "org/base") -> Tensor:
    return FILES[path][key].double().reshape(-1)


def grade(imported: Imported, field: str) -> str:
    return next(line.grade for line in imported.report if line.field == field)


# --- what each method means


def test_linear_is_the_mean_by_weight_of_whole_models():
    imported = import_mergekit(config("linear", model("org/math", weight=1.0), model("org/code", weight=3.0)))
    assert imported.base == "org/math" and grade(imported, "normalize") == "exact"
    assert_is(imported, lambda key: (flat(key, "org/math") + 3 * flat(key, "org/code")) / 4)


def test_a_base_of_linear_is_one_more_model():
    asked = config("linear", model("org/math", weight=3.0), base="org/base", weight=1.0)
    assert_is(import_mergekit(asked), lambda key: (3 * flat(key, "org/math") + flat(key)) / 4)
    with pytest.raises(MergeError, match='"org/base" has no weight'):
        import_mergekit(config("linear", model("org/math", weight=3.0), base="org/base"))


def test_linear_without_normalize_needs_weights_that_sum_to_one():
    good = config("linear", model("org/math", weight=0.25), model("org/code", weight=0.75), normalize=False)
    assert_is(import_mergekit(good), lambda key: (flat(key, "org/math") + 3 * flat(key, "org/code")) / 4)
    with pytest.raises(MergeError, match="scales the base"):
        import_mergekit(config("linear", model("org/math", weight=1.0), model("org/code", weight=1.0), normalize=False))


def test_task_arithmetic_with_lambda():
    asked = config("task_arithmetic", model("org/base"), model("org/math", weight=0.5), model("org/code", weight=-0.3),
                   base="org/base", **{"lambda": 1.2})  # fmt: skip
    move = deltas("org/math", "org/code")
    assert_is(import_mergekit(asked), lambda key: flat(key) + 1.2 * (0.5 * move(key)[0] - 0.3 * move(key)[1]))


@pytest.mark.parametrize(("second", "fidelity"), [(0.3, "exact"), (-0.3, "lossy")])
@pytest.mark.parametrize("method", ["linear", "task_arithmetic"])
def test_a_mean_by_weight_is_exact_while_no_weight_is_negative(method, second, fidelity):
    base = {} if method == "linear" else {"base": "org/base"}
    asked = config(method, model("org/math", weight=1.0), model("org/code", weight=second), normalize=True, **base)
    imported = import_mergekit(asked)
    assert grade(imported, "normalize") == fidelity
    if fidelity == "exact" and base:
        move = deltas("org/math", "org/code")
        assert_is(imported, lambda key: flat(key) + (move(key)[0] + second * move(key)[1]) / (1 + second))


PATHS = ("org/math", "org/code", "org/chat")
ELECTED = {
    "ties": ({"density": 0.3}, {}, lambda v: reference.ties(v, 0.3, "mean")),
    "ties, sum": ({"density": 0.3}, {"normalize": False}, lambda v: reference.ties(v, 0.3, "sum")),
    "breadcrumbs": (
        {"density": 0.5, "gamma": 0.1}, {}, lambda v: reference_kin.breadcrumbs(v, 0.5, 0.1).sum(0)),
    "breadcrumbs_ties": (
        {"density": 0.5, "gamma": 0.1}, {},
        lambda v: reference.merge_agreeing(reference_kin.breadcrumbs(v, 0.5, 0.1), "sum")),
}  # fmt: skip


@pytest.mark.parametrize("name", ELECTED)
def test_elections_are_tensor_by_tensor(name):
    own, shared, combine = ELECTED[name]
    models = [model(path, weight=1.0, **own) for path in PATHS]
    imported = import_mergekit(config(name.split(",")[0], *models, base="org/base", **shared))
    move = deltas(*PATHS)
    assert_is(imported, lambda key: flat(key) + combine(move(key)))


def test_equal_weights_cancel_in_a_mean_and_unequal_ones_divide_it():
    equal = import_mergekit(config("ties", *(model(path, weight=0.4) for path in PATHS), base="org/base", density=0.5))
    assert grade(equal, "weight") == "exact" and dict(equal.recipe.coefficients)["math"] == 1.0
    unequal = [model("org/math", weight=0.4), model("org/code", weight=0.6)]
    imported = import_mergekit(config("ties", *unequal, base="org/base", density=0.5))
    assert grade(imported, "weight") == grade(imported, "normalize") == "exact"
    move, heights = deltas("org/math", "org/code"), (0.4, 0.6)

    def expected(key: str) -> Tensor:
        trimmed = reference.trim_each(move(key), 0.5) * torch.tensor(heights, dtype=torch.float64)[:, None]
        return flat(key) + reference.merge_agreeing(trimmed, "weighted", heights)

    assert_is(imported, expected)
    turned = config("ties", unequal[0], model("org/code", weight=-0.6), base="org/base", density=0.5)
    assert grade(import_mergekit(turned), "normalize") == "lossy"


@pytest.mark.parametrize(("name", "combine"), [("dare_linear", "linear"), ("dare_ties", "ties_sum")])
def test_random_methods_are_the_same_but_for_the_draw(name, combine):
    imported = import_mergekit(config(name, *(model(path, weight=0.5, density=0.6) for path in PATHS), base="org/base"))
    assert imported.recipe.full_settings() == {"density": 0.6, "rescale": "l1", "combine": combine, "seed": 0.0}
    assert grade(imported, "density") == "lossy" and "draws" in str(imported.report)


DOCUMENTED = config(  # the forms of its documentation: gradients of both, a filter, a density for each model
    "ties",
    model("org/math", density=[1, 0.7, 0.1], weight=1.0),
    model("org/code", density=0.5, weight=[0, 0.3, 0.7, 1]),
    model("org/chat", density=0.33, weight=[{"filter": "mlp", "value": 0.5}, {"value": 0}]), base="org/base",
    normalize=True, int8_mask=True,
)  # fmt: skip


def documented(key: str) -> tuple[list[float], list[float]]:
    """Densities and weights of the three models for a tensor, read off straight lines between the listed values."""

    def line(*values: float) -> float:
        place = int(key.split(".")[2]) / (LAYERS - 1) * (len(values) - 1) if "layers" in key else 0.0
        low = min(int(place), len(values) - 2)
        return values[low] + (place - low) * (values[low + 1] - values[low])

    return [line(1, 0.7, 0.1), 0.5, 0.33], [1.0, line(0, 0.3, 0.7, 1), 0.5 * ("mlp" in key)]


def test_the_documented_ties_is_exact_with_its_gradients_and_filters():
    imported = import_mergekit(DOCUMENTED, KEYS)
    assert {grade(imported, field) for field in ("weight", "density", "normalize")} == {"exact"}
    move = deltas(*PATHS)

    def expected(key: str) -> Tensor:
        shares, heights = documented(key)
        trimmed = torch.stack([h * reference.trim(v, d) for v, d, h in zip(move(key), shares, heights, strict=True)])
        return flat(key) + reference.merge_agreeing(trimmed, "weighted", heights)

    assert_is(imported, expected)


def test_sce_ram_and_model_stock():
    models, move = [model(path) for path in PATHS], deltas(*PATHS)
    expected = {
        "sce": ({"select_topk": 0.4}, lambda v: reference_kin.sce(v, 0.4)),
        "ram": ({"epsilon": 0.01}, lambda v: reference_kin.ram(v, v, 0.01, 0.0, 0.2)),
        "ramplus_tl": ({"epsilon": 0.01}, lambda v: reference_kin.ram(v, v, 0.01, 0.1, 0.2)),
        "model_stock": ({}, reference_kin.stock),
    }
    for name, (parameters, combine) in expected.items():
        imported = import_mergekit(config(name, *models, base="org/base", **parameters))
        assert_is(imported, lambda key, combine=combine: flat(key) + combine(move(key)))


def test_spherical_methods_of_whole_models():
    def whole(key: str, *paths: str) -> Tensor:
        return torch.stack([flat(key, path) for path in paths])

    slerp = config("slerp", model("org/math"), model("org/code"), base="org/math", t=0.3)
    assert_is(import_mergekit(slerp), lambda key: reference.arc(*whole(key, "org/math", "org/code"), 0.3), 1e-6)
    turned = config("slerp", model("org/code"), model("org/math"), base="org/math", t=0.3)
    assert_is(import_mergekit(turned), lambda key: reference.arc(*whole(key, "org/math", "org/code"), 0.3), 1e-6)
    karcher = import_mergekit(config("karcher", *(model(path) for path in PATHS)))
    assert_is(karcher, lambda key: reference_kin.sphere_mean(whole(key, *PATHS), (1, 1, 1), 10), 1e-6)
    near = import_mergekit(config("nearswap", model("org/math"), model("org/code"), base="org/math", t=0.02))
    assert_is(near, lambda key: reference_kin.near_swap(whole(key, "org/math", "org/code"), 0.02))


@pytest.mark.parametrize("row_wise", [False, True])
def test_nuslerp_of_task_vectors_along_rows_and_columns(row_wise):
    models = [model("org/math", weight=1.0), model("org/code", weight=3.0)]
    asked = config("nuslerp", *models, base="org/base", nuslerp_flatten=False, nuslerp_row_wise=row_wise)

    def expected(key: str) -> Tensor:
        a, b = (part.view(SHAPES[key] if len(SHAPES[key]) > 1 else (1, -1)) for part in deltas(*PATHS[:2])(key))
        turned = row_wise and len(SHAPES[key]) > 1
        arc = reference_kin.arcs(a.T, b.T, 0.75).T if turned else reference_kin.arcs(a, b, 0.75)
        return flat(key) + arc.reshape(-1)

    assert_is(import_mergekit(asked), expected, 1e-6)


# --- values that differ from tensor to tensor


def task_config(weight: Any, **more: Any) -> dict[str, Any]:
    return config("task_arithmetic", model("org/math", weight=weight), base="org/base") | more


def coefficients(imported: Imported) -> dict[str, float]:
    """Read off the merge itself: how far each tensor went along the one expert."""
    move = deltas("org/math")
    return {key: float(((t.double().reshape(-1) - flat(key)) @ move(key)[0]) / (move(key)[0] @ move(key)[0]))
            for key, t in merged(imported).items()}  # fmt: skip


def test_first_filter_wins_and_a_filter_is_a_substring():
    value = [{"filter": "layers.1.", "value": 0.9}, {"filter": "self_attn", "value": 0.3}, {"value": 0.6}]
    found = coefficients(import_mergekit(task_config(value)))
    for key in KEYS:
        wanted = 0.9 if "layers.1." in key else 0.3 if "self_attn" in key else 0.6
        assert found[key] == pytest.approx(wanted, abs=1e-5)


def test_where_no_filter_fits_the_outer_level_decides():
    asked = task_config([{"filter": "mlp", "value": 0.9}], parameters={"weight": 0.2})
    found = coefficients(import_mergekit(asked))
    assert all(found[key] == pytest.approx(0.9 if "mlp" in key else 0.2, abs=1e-5) for key in KEYS)
    with pytest.raises(MergeError, match=r"no value is given for model\.embed"):
        import_mergekit(task_config([{"filter": "mlp", "value": 0.9}]), KEYS)


def test_gradients_lie_over_the_layers_and_the_rest_has_the_first_value():
    found = coefficients(import_mergekit(task_config([0.0, 1.0, 0.5]), KEYS))
    for i in range(LAYERS):
        scaled = 2 * i / (LAYERS - 1)
        wanted = scaled if scaled <= 1 else 1 - 0.5 * (scaled - 1)
        assert found[f"model.layers.{i}.mlp.up.weight"] == pytest.approx(wanted, abs=1e-5)
    assert found["model.embed_tokens.weight"] == found["lm_head.weight"] == pytest.approx(0.0, abs=1e-6)


def test_a_gradient_inside_a_filter():
    value = [{"filter": "self_attn", "value": [0.2, 0.8]}, {"value": 0.5}]
    found = coefficients(import_mergekit(task_config(value), KEYS))
    assert found["model.layers.11.self_attn.q_proj.weight"] == pytest.approx(0.8, abs=1e-5)
    assert found["model.layers.0.self_attn.q_proj.weight"] == pytest.approx(0.2, abs=1e-5)
    assert found["model.layers.11.mlp.up.weight"] == pytest.approx(0.5, abs=1e-5)


def test_a_gradient_needs_the_names():
    with pytest.raises(MergeError, match="gradient over layers"):
        import_mergekit(task_config([0.0, 1.0]))


def slices(*ranges: tuple[int, int], values: tuple[Any, ...]) -> dict[str, Any]:
    listed = [
        {"sources": [{"model": "org/base", "layer_range": list(layers)},
                     {"model": "org/math", "layer_range": list(layers), "parameters": {"weight": value}}]}
        for layers, value in zip(ranges, values, strict=True)
    ]  # fmt: skip
    return {"merge_method": "task_arithmetic", "base_model": "org/base", "slices": listed}


def test_slices_have_values_and_gradients_of_their_own():
    found = coefficients(import_mergekit(slices((0, 4), (4, 12), values=(0.25, [0.5, 1.0])), KEYS))
    expected = [0.25] * 4 + [0.5 + 0.5 * i / 7 for i in range(8)]
    assert [found[f"model.layers.{i}.mlp.up.weight"] for i in range(12)] == pytest.approx(expected, abs=1e-5)
    assert found["model.embed_tokens.weight"] == pytest.approx(0.25, abs=1e-5)
    assert found["lm_head.weight"] == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize(
    "ranges", [((0, 8), (4, 12)), ((0, 4), (6, 12)), ((2, 12),), ((0, 1),), ((0, 4), (4, 11)), ((0, 13),)]
)
def test_stacked_and_missing_layers_are_refused(ranges):
    with pytest.raises(MergeError, match="changes the network"):
        import_mergekit(slices(*ranges, values=(0.5,) * len(ranges)), KEYS)


def test_slices_need_the_names_and_a_network_in_layers():
    whole = slices((0, 12), values=(0.5,))
    assert import_mergekit(whole, KEYS).recipe == import_mergekit(task_config(0.5)).recipe
    with pytest.raises(MergeError, match="must be at hand"):
        import_mergekit(whole)
    with pytest.raises(MergeError, match="the base has 0 layers"):
        import_mergekit(whole, ["head.weight"])


# --- and back

ROUND = {
    "linear": config("linear", model("org/math", weight=0.25), model("org/code", weight=0.5)),
    "slerp": config(
        "slerp", model("org/math"), model("org/code"), base="org/math",
        t=[{"filter": "self_attn", "value": [0, 0.5, 0.3, 0.7, 1]}, {"filter": "mlp", "value": 0.1}, {"value": 0.5}],
    ),
    "ties": config("ties", model("org/math", weight=1.0, density=0.5), model("org/code", weight=1.0, density=0.5),
                   base="org/base", normalize=True, **{"lambda": 0.75}),
    "ties, documented": DOCUMENTED,
    "della, unequal": config("della", model("org/math", weight=0.5, density=[1, 0.4]),
                             model("org/code", weight=0.3, density=0.53), base="org/base", epsilon=0.1),
    "dare_ties": config("dare_ties", model("org/math", weight=[0.1, 0.3, 0.7], density=0.53),
                        model("org/code", weight=[{"filter": "mlp", "value": 0.5}, {"value": 0.25}], density=0.53),
                        base="org/base"),
    "della": config("della", model("org/math", weight=0.5, density=0.4), model("org/code", weight=0.5, density=0.4),
                    base="org/base", epsilon=0.1),
    "breadcrumbs": config("breadcrumbs", model("org/math", weight=0.5, density=0.9, gamma=0.02), base="org/base"),
    "model_stock": config("model_stock", *(model(path) for path in PATHS), base="org/base", filter_wise=True),
    "sce": config("sce", *(model(path) for path in PATHS), base="org/base", select_topk=0.1),
    "ramplus_tl": config("ramplus_tl", *(model(path) for path in PATHS), base="org/base"),
    "nuslerp": config("nuslerp", model("org/math", weight=0.4), model("org/code", weight=0.6), base="org/base"),
    "karcher": config("karcher", *(model(path) for path in PATHS)),
    "nearswap": config("nearswap", model("org/math"), model("org/code"), base="org/math", t=0.001),
    "multislerp": config("multislerp", *(model(path, weight=1.0) for path in PATHS)),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUND)
def test_imported_exported_and_imported_again_is_equal(name):
    first = import_mergekit(ROUND[name], KEYS)
    written, _ = export_mergekit(first.recipe, first.base, first.experts, KEYS)
    again = import_mergekit(written, KEYS)
    assert written["merge_method"] == name.split(",")[0]
    assert (again.base, again.experts, again.recipe) == (first.base, first.experts, first.recipe)


RULES = (
    BlockRule("model.layers.1.*", 0.5, "math"), BlockRule("*mlp*", 0.25, "code"), BlockRule("model.layers.?.mlp*", 1.5),
)  # fmt: skip
NATIVE = {
    "task_arithmetic": MergeRecipe(
        coefficients=(("math", 0.7), ("code", -0.4), ("chat", 0.0)), scale=0.5, blocks=RULES
    ),
    "average": MergeRecipe("average", (("math", 1.0), ("code", 0.5)), blocks=RULES[:2]),
    "average, scaled": MergeRecipe("average", (("math", 1.0), ("code", 0.5)), 0.8),
    "ties": MergeRecipe("ties", (("math", 1.0), ("code", 1.0)), 0.5, (("density", 0.3), ("scope", "tensor"))),
    "slerp": MergeRecipe("slerp", (("math", 0.7), ("code", 0.3)), settings=(("space", "weights"),)),
    "slerp of vectors": MergeRecipe("slerp", (("math", 0.7), ("code", 0.3)), blocks=RULES[:1]),
    "breadcrumbs": MergeRecipe("breadcrumbs", (("math", 1.0), ("code", 0.7)), 0.5, (("combine", "ties_sum"),)),
    "ram": MergeRecipe("ram", (("math", 1.0), ("code", 1.0))),
    "muted": MergeRecipe(coefficients=(("math", 0.7), ("code", 0.4)), muted=("code",), negated=("math",)),
}


@pytest.mark.parametrize("name", NATIVE)
def test_a_native_recipe_written_and_read_merges_to_the_same(name):
    recipe, paths = NATIVE[name], {"math": "org/math", "code": "org/code", "chat": "org/chat"}
    written, report = export_mergekit(recipe, "org/base", paths, KEYS)
    assert all(line.grade in ("exact", "≤1 ulp") for line in report if line.field != "method" or "slerp" not in name)
    experts = {task: FILES[path] for task, path in paths.items()}
    expected = merge(BASE, experts, recipe)
    again = merged(import_mergekit(written, KEYS))
    for key in KEYS:
        torch.testing.assert_close(again[key], expected[key], rtol=1e-6, atol=1e-6)


def test_filters_that_would_catch_longer_names_become_whole_names():
    recipe = MergeRecipe(coefficients=(("math", 1.0),), blocks=(BlockRule("model.layers.1.*", 0.5, "math"),))
    written, _ = export_mergekit(recipe, "org/base", {"math": "org/math"}, KEYS)
    entries = written["models"][0]["parameters"]["weight"]
    assert [len(entry["filter"]) for entry in entries] == sorted((len(key) for key in KEYS), reverse=True)
    assert {entry["filter"]: entry["value"] for entry in entries} == {
        key: 0.5 if key.startswith("model.layers.1.") else 1.0 for key in KEYS
    }


def test_experts_at_zero_are_left_out_and_told():
    _, report = export_mergekit(NATIVE["task_arithmetic"], "org/base", {"math": "a", "code": "b", "chat": "c"}, KEYS)
    assert any(line.field == "experts.chat" for line in report)


@pytest.mark.parametrize(
    ("recipe", "match"),
    [
        (MergeRecipe("tall_masks", (("math", 1.0),), masks=MaskChoice("union")), "masks have no counterpart"),
        (MergeRecipe("emr", (("math", 1.0),)), '"emr" has no counterpart'),
        (MergeRecipe("ties", (("math", 1.0),), settings=(("aggregate", "max"),)), "largest"),
        (MergeRecipe("model_stock", (("math", 1.0), ("code", 1.0)), 0.5), "has no scale"),
        (MergeRecipe(coefficients=(("math", 0.0),)), "nothing to export"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_way_out(recipe, match):
    with pytest.raises(MergeError, match=match):
        export_mergekit(recipe, "org/base", {"math": "org/math", "code": "org/code"}, KEYS)


@pytest.mark.parametrize(("method", "space"), [("slerp", "weights"), ("slerp", "vectors"), ("average", "")])
def test_a_block_without_any_expert_cannot_be_written(method, space):
    def written(*blocks: BlockRule) -> dict[str, Any]:
        recipe = MergeRecipe(method, (("math", 0.7), ("code", 0.3)), settings=(("space", space),) * bool(space),
                             blocks=blocks)  # fmt: skip
        return export_mergekit(recipe, "org/base", {"math": "org/math", "code": "org/code"}, KEYS)[0]

    silent = [BlockRule("*mlp*", 0.0, task) for task in ("math", "code")]
    with pytest.raises(MergeError, match=r"no expert is raised for model\.layers\.0\.mlp\.up\.weight"):
        written(*silent)
    preceded = [BlockRule("*", 1.0, task) for task in ("math", "code")]
    assert written(*preceded, *silent) == written()
    assert written(silent[0])["merge_method"] in ("slerp", "nuslerp", "linear")


def test_lossy_exports_say_so():
    def lossy(recipe: MergeRecipe) -> set[str]:
        _, report = export_mergekit(recipe, "org/base", {"math": "a", "code": "b"}, KEYS)
        return {line.field for line in report if line.grade == "lossy"}

    faders = (("math", 1.0), ("code", 0.5))
    assert lossy(MergeRecipe("ties", faders)) == {"scope", "weights"}
    assert lossy(MergeRecipe("dare", faders, settings=(("rescale", "none"),))) == {"seed"}
    assert lossy(MergeRecipe("karcher", faders)) == {"space", "weight"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"merge_method": "passthrough"}, "changes the depth"),
        ({"merge_method": "arcee_fusion"}, "cannot be imported"),
        ({"models": None}, "exactly one of models"),
        ({"layers": 3}, "unknown fields layers"),
        ({"dtype": "bf16"}, "dtype is 'bf16'"),
        (
            {"models": [{"model": "org/math+org/lora", "parameters": {"weight": 1}}]},
            "another model than the base org/base",
        ),
        ({"models": [{"model": "org/base+a+b", "parameters": {"weight": 1}}]}, "folder of one adapter"),
        ({"models": [{"model": "org/base+", "parameters": {"weight": 1}}]}, "folder of one adapter"),
        ({"base_model": "org/base+org/lora"}, "base_model org/base.org/lora adds an adapter"),
        ({"models": [{"model": "org/math"}]}, "has no weight"),
        ({"models": [{"model": "org/math", "parameters": {"weight": "much"}}]}, "a number"),
        ({"models": [{"model": "org/math", "parameters": {"weight": 9.0}}]}, "must lie between"),
    ],
)
def test_what_cannot_be_read_is_refused(change: Mapping[str, Any], match):
    with pytest.raises(MergeError, match=match):
        import_mergekit(task_config(0.5) | dict(change), KEYS)


def test_every_field_is_in_the_report():
    asked = task_config(0.5, out_dtype="bfloat16", tokenizer_source="union", chat_template="auto",
                        parameters={"int8_mask": True})  # fmt: skip
    report = {line.field: line.grade for line in import_mergekit(asked, dtypes=["bfloat16"]).report}
    assert report == {"merge_method": "exact", "weight": "exact", "lambda": "exact", "dtype": "≤1 ulp",
                      "out_dtype": "≤1 ulp", "tokenizer_source": "dropped", "int8_mask": "dropped",
                      "chat_template": "dropped"}  # fmt: skip


@pytest.mark.parametrize(
    ("dtypes", "asked", "grades"),
    [
        (["float32"], {"dtype": "float32"}, {"dtype": "≤1 ulp"}),
        (["bfloat16"], {"dtype": "float32", "out_dtype": "bfloat16"}, {"dtype": "≤1 ulp", "out_dtype": "≤1 ulp"}),
        (["float32"], {"dtype": "float32", "out_dtype": "float16"}, {"dtype": "≤1 ulp", "out_dtype": "lossy"}),
        (["bfloat16"], {"dtype": "bfloat16"}, {"dtype": "lossy"}),
        (["float32", "bfloat16"], {"dtype": "float32"}, {"dtype": "lossy"}),
        ([], {"dtype": "float32"}, {"dtype": "lossy"}),
    ],
)
def test_a_dtype_that_is_not_that_of_the_base_is_lossy(dtypes, asked, grades):
    imported = import_mergekit(task_config(0.5, dtype=None) | asked, dtypes=dtypes)
    assert {line.field: line.grade for line in imported.report if "dtype" in line.field} == grades


def test_how_far_a_dtype_is_off_is_told():
    told = str(import_mergekit(task_config(0.5, dtype="bfloat16"), dtypes=["float32"]).report)
    assert "there each step is rounded, by up to 0.004 of the value" in told
    assert "the file is bfloat16 there and has the dtypes of the base here, float32: off by up to 0.004" in told
    assert "not at hand" in str(import_mergekit(task_config(0.5)).report)


@pytest.mark.parametrize(
    ("dtypes", "written"),
    [({"bfloat16"}, {"dtype": "float32", "out_dtype": "bfloat16"}), ({"float32"}, {"dtype": "float32"}),
     ({"float16", "float32"}, {"dtype": "float32"})],
)  # fmt: skip
def test_the_dtype_of_the_base_is_asked_for(dtypes, written):
    config, report = export_mergekit(NATIVE["ties"], "a", {"math": "b", "code": "c"}, KEYS, dtypes)
    assert {field: value for field, value in config.items() if "dtype" in field} == written
    assert [one.grade for one in report if one.field == "dtype"] == ["lossy" if len(dtypes) > 1 else "≤1 ulp"]
    again = import_mergekit(config, KEYS, dtypes)
    assert grade(again, "dtype") == ("lossy" if len(dtypes) > 1 else "≤1 ulp")


def test_two_paths_that_end_alike_have_two_names():
    FILES["other/math"] = FILES["org/math"]
    imported = import_mergekit(config("karcher", model("org/math"), model("other/math")))
    assert imported.experts == {"math": "org/math", "math-2": "other/math"}


def test_an_adapter_of_the_base_is_an_expert_both_ways():
    asked = config("task_arithmetic", model("org/math", weight=0.5), model("org/base@v1+org/ink@v2", weight=0.7),
                   base="org/base@v1")  # fmt: skip
    imported = import_mergekit(asked)
    assert imported.experts == {"math": "org/math", "ink": "org/base@v1+org/ink@v2"}
    assert grade(imported, "experts.ink") == "≤1 ulp"
    written, report = export_mergekit(imported.recipe, imported.base, imported.experts, KEYS)
    assert written["models"][1]["model"] == "org/base@v1+org/ink@v2"
    assert [line.grade for line in report if line.field == "experts.ink"] == ["≤1 ulp"]


def test_where_no_base_is_named_it_is_what_the_adapter_changes():
    imported = import_mergekit(config("linear", model("org/math", weight=1.0), model("org/base+org/ink", weight=1.0)))
    assert imported.base == "org/base"


def test_documents_are_told_apart():
    assert is_mergekit(ROUND["ties"]) and not is_mergekit({"mixdeck_recipe": 1}) and not is_mergekit(["merge_method"])
