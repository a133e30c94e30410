"""Evaluation of the igtr family: every reading procedure on every set, and what else the network can be asked.

Accuracy is the field's: case and marks do not count, every crop does. Crops are read by the code that the page runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.merging.recipe import MergeRecipe
from pipelines.text_recognition.baselines import installed_baselines
from pipelines.text_recognition.calibration import (
    OWN_EVIDENCE,
    Temperatures,
    accuracy_at_coverage,
    expected_calibration_error,
    fitted_temperature,
)
from pipelines.text_recognition.crops import Look, read_crops
from pipelines.text_recognition.datasets import Word, WordSet, find_iiit5k, frequent_labels
from pipelines.text_recognition.generated import GeneratedSet, generated_sets
from pipelines.text_recognition.metrics import is_right, wilson_interval
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.question_scores import localisation_scores, question_scores
from pipelines.text_recognition.shipped_words import ShippedSet
from pipelines.text_recognition.token_cache import TokenCache
from pipelines.text_recognition.word_scores import agreement_scores, bucket_scores, word_scores

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

PROCEDURES = {
    "parallel": ReadingOptions(),
    "autoregressive": ReadingOptions("autoregressive"),
    "parallel_refine1": ReadingOptions(refinements=1),
    "parallel_refine2": ReadingOptions(refinements=2),
    "autoregressive_refine1": ReadingOptions("autoregressive", refinements=1),
    "ctc": ReadingOptions("ctc"),
    "verification": ReadingOptions("verification"),
    "assembly": ReadingOptions("assembly"),
}
COMPARED = ("parallel", "autoregressive", "ctc", "verification", "assembly")
BRIEF = ("parallel", "autoregressive", "parallel_refine1")  # on generated sets other than `base`
CALIBRATION = 400  # generated validation crops that the temperature is fitted on
COVERAGES = (0.5, 0.8, 0.95)

AnySet = WordSet | GeneratedSet | ShippedSet
Scores = dict[str, float]
Methods = dict[str, Scores]


def evaluate(
    family: ModelFamily,
    cache: ModelCache,
    data: Path | None = None,
    recipe: MergeRecipe | None = None,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores of each method on each set.

    Args:
        cache: lends the network.
        data: folder of IIIT5K; None scores generated sets alone.
        recipe: which mix is scored; None is the family's default, and then an expert's set is also read by that expert
            alone ("expert").
        limit: crops per set, spread over it.

    Returns:
        set -> {"n": crops, "methods": {method: {metric: number}}}. A method that not every crop is for has its own "n".
    """
    sets = scored_sets("test", data)
    mix = family.default if recipe is None else recipe
    with cache.lease(family, mix) as lease:
        temperatures = fit_temperatures(lease.model, limit)
        report = {one.name: _set_report(lease.model, one, temperatures, limit, data) for one in sets}
    if recipe in (None, family.default):
        for name in (name for name in family.tasks if name in report):
            report[name]["methods"]["expert"] = _expert_scores(family, cache, name, limit)
    return report


def fit_temperatures(network: Any, limit: int | None = None) -> Temperatures:
    """The temperatures of a network, on generated validation crops of the recipe `base`."""
    (one,) = (one for one in generated_sets("validation") if one.name == "base")
    words = list(one.words(min(CALIBRATION, limit or CALIBRATION)))
    read = _reader(network, words)

    def fitted(procedure: str) -> float:
        looks = read(ReadingOptions(procedure))
        return fitted_temperature(partial(_confidences_at, looks), _right(_texts(looks), words))

    return Temperatures(fitted("parallel"), *map(fitted, OWN_EVIDENCE))


def _set_report(
    network: Any, one: AnySet, temperatures: Temperatures, limit: int | None, data: Path | None
) -> dict[str, Any]:
    words = list(one.words(limit))
    read = _reader(network, words)
    is_whole = isinstance(one, WordSet) or one.name == "base"
    looks = {name: read(PROCEDURES[name]) for name in (PROCEDURES if is_whole else BRIEF)}
    texts = {name: _texts(found) for name, found in looks.items()}
    methods: Methods = {name: word_scores(found, words) for name, found in texts.items()}
    if is_whole:
        methods["agreement"] = agreement_scores([texts[name] for name in COMPARED], words)
        for title, scores in bucket_scores(texts["parallel"], words).items():
            methods[f"parallel_by_{title}"] = scores
        methods |= _baseline_scores(words)
    methods["questions"] = question_scores(network, looks["parallel"], words, one.is_case_sure)
    methods["localisation"] = localisation_scores(network, looks["parallel"], words)
    methods["calibration"] = calibration_scores(looks["parallel"], words, temperatures.character)
    for name in OWN_EVIDENCE if is_whole else ():
        methods[f"calibration_{name}"] = calibration_scores(looks[name], words, temperatures.of_own(name))
    if isinstance(one, WordSet):
        methods |= _lexicon_scores(read, one, words, data)
    return {"n": len(words), "methods": {name: scores for name, scores in methods.items() if scores}}


def _reader(network: Any, words: Sequence[Word]) -> Callable[..., list[Look]]:
    """Reads the words of a set, or some of them, by any options; each crop is encoded once."""
    tokens = TokenCache(most=3 * len(words))

    def encode(model: Any, pixels: np.ndarray) -> Any:
        return tokens.encode(model, pixels, 0)

    def read(options: ReadingOptions, some: Sequence[Word] = words) -> list[Look]:
        return read_crops(network, [word.image for word in some], options, encode=encode)

    return read


def _parallel(network: Any, words: Sequence[Word]) -> list[str]:
    return _texts(read_crops(network, [word.image for word in words], ReadingOptions()))


def _texts(looks: Sequence[Look]) -> list[str]:
    return [look.reading.texts()[0] for look in looks]


def _right(texts: Sequence[str], words: Sequence[Word]) -> list[bool]:
    return [is_right(text, word.label) for text, word in zip(texts, words, strict=True)]


def _confidences_at(looks: Sequence[Look], temperature: float) -> list[float]:
    """Word confidences if the logits were divided by a temperature."""
    return [look.reading.tempered(temperature).confidences()[0] for look in looks]


def calibration_scores(looks: Sequence[Look], words: Sequence[Word], temperature: float) -> Scores:
    """Expected calibration error before and after the temperature, and accuracy of the most confident words."""
    right, sure = _right(_texts(looks), words), _confidences_at(looks, temperature)
    return {
        "temperature": temperature,
        "ece_raw": expected_calibration_error(_confidences_at(looks, 1.0), right),
        "ece": expected_calibration_error(sure, right),
        **{f"accuracy_at_{share:g}": accuracy_at_coverage(sure, right, share) for share in COVERAGES},
    }


def _baseline_scores(words: Sequence[Word]) -> Methods:
    images = [word.image for word in words]
    return {name: word_scores(read(images), words) for name, read in installed_baselines().items()}


def _lexicon_scores(read: Callable[..., list[Look]], one: WordSet, words: Sequence[Word], data: Path | None) -> Methods:
    """With the word lists of the set; without any, the commonest training labels on the crops that have one of them."""
    lists = sorted(set(chain.from_iterable(word.lexicons for word in words)))
    if lists:
        return {name: _by_own_lists(read, [word for word in words if name in word.lexicons], name) for name in lists}
    common = frequent_labels(find_iiit5k(data or one.files[0][0].parents[1], "train"))
    some = [word for word in words if word.label.lower() in common]
    if not some:
        return {}
    return {
        f"lexicon_train_{len(common)}": _shared_scores(_texts(read(ReadingOptions(lexicon=common), some)), some),
        f"no_lexicon_train_{len(common)}": _shared_scores(_texts(read(ReadingOptions(), some)), some),
    }


def _by_own_lists(read: Callable[..., list[Look]], words: Sequence[Word], name: str) -> Scores:
    texts = [_texts(read(ReadingOptions(lexicon=word.lexicons[name]), [word]))[0] for word in words]
    return _shared_scores(texts, words)


def _shared_scores(texts: Sequence[str], words: Sequence[Word]) -> Scores:
    right = _right(texts, words)
    low, high = wilson_interval(sum(right), len(right))
    return {"n": len(right), "accuracy": sum(right) / len(right), "accuracy_low": low, "accuracy_high": high}


def _expert_scores(family: ModelFamily, cache: ModelCache, name: str, limit: int | None) -> Scores:
    """An expert alone on its own set, in parallel."""
    (one,) = (one for one in generated_sets() if one.name == name)
    words = list(one.words(limit))
    with cache.lease(family, alone(name)) as lease:
        return word_scores(_parallel(lease.model, words), words)


def expert_matrix(
    family: ModelFamily, cache: ModelCache, limit: int | None = None, data: Path | None = None
) -> Mapping[str, Mapping[str, float]]:
    """Base and every expert alone -> set -> parallel accuracy; what the manifest publishes."""
    recipes = {"base": MergeRecipe(), **{name: alone(name) for name in family.tasks}}
    return mix_matrix(family, cache, recipes, scored_sets("test", data), limit)


def mix_matrix(
    family: ModelFamily,
    cache: ModelCache,
    recipes: Mapping[str, MergeRecipe],
    sets: Sequence[AnySet],
    limit: int | None = None,
) -> dict[str, dict[str, float]]:
    """Named mixes -> set -> parallel accuracy; each set is read by all before the next is rendered."""
    matrix: dict[str, dict[str, float]] = {name: {} for name in recipes}
    for one in sets:
        words = list(one.words(limit))
        for name, recipe in recipes.items():
            with cache.lease(family, recipe) as lease:
                texts = _parallel(lease.model, words)
            matrix[name][one.name] = sum(_right(texts, words)) / len(words)
    return matrix


def scored_sets(split: str = "test", data: Path | None = None) -> list[AnySet]:
    """The generated sets of a split, behind IIIT5K where its folder is given."""
    return [*([find_iiit5k(data)] if data is not None else []), *generated_sets(split)]


def alone(expert: str, coefficient: float = 1.0) -> MergeRecipe:
    """One expert by itself."""
    return MergeRecipe(coefficients=((expert, coefficient),), scale=1.0)
