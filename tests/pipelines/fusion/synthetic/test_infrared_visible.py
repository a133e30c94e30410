"""Street pairs: repeatable, labelled, and warm where people are."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.fusion.synthetic.infrared_visible import HAZES, LIGHTS, infrared_visible
from pipelines.fusion.synthetic.sample import CLASSES, GROUND, PERSON, SKY, FusionSample


def street_pair(seed: int, **wishes: object) -> FusionSample:
    return infrared_visible(np.random.default_rng(seed), (64, 80), **wishes)  # type: ignore[arg-type]


def test_same_seed_gives_the_same_pair_and_another_seed_another() -> None:
    first, again, other = street_pair(5), street_pair(5), street_pair(6)
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("haze", HAZES)
def test_frames_and_labels_are_in_range_in_every_weather(light: str, haze: str) -> None:
    sample = street_pair(1, light=light, haze=haze)
    assert sample.images.shape == (2, 64, 80, 3)
    assert sample.images.dtype == np.float32
    assert sample.images.min() >= 0
    assert sample.images.max() <= 1
    assert sample.frames.shape == (2, 64, 80)
    assert sample.labels is not None
    assert sample.labels.shape == (64, 80)
    assert sample.labels.dtype == np.uint8
    assert sample.labels.max() < len(CLASSES)


def test_thermal_frame_comes_first_and_is_grey() -> None:
    sample = street_pair(2, light="day")
    assert sample.roles.tolist() == [0, 1]
    assert np.ptp(sample.images[0], axis=-1).max() == 0
    assert np.ptp(sample.images[1], axis=-1).max() > 0.1


@pytest.mark.parametrize("is_black_hot", [False, True])
def test_people_are_hotter_than_ground_and_sky(is_black_hot: bool) -> None:
    contrasts = []
    for seed in range(20):
        sample = street_pair(seed, is_black_hot=is_black_hot, people=4)
        heat = 1 - sample.frames[0] if is_black_hot else sample.frames[0]
        around = np.isin(sample.labels, (GROUND, SKY))
        if (sample.labels == PERSON).sum() > 30 and around.any():
            contrasts.append(heat[sample.labels == PERSON].mean() - heat[around].mean())
    assert len(contrasts) > 10
    assert min(contrasts) > 0.1


def test_every_class_appears_within_a_few_scenes() -> None:
    seen = {int(label) for seed in range(20) for label in np.unique(street_pair(seed).labels)}
    assert seen == set(range(len(CLASSES)))


def test_visible_frame_is_darker_at_night() -> None:
    day, night = (
        np.mean([street_pair(seed, light=light, haze="clear").frames[1].mean() for seed in range(6)])
        for light in ("day", "night")
    )
    assert night < 0.6 * day
