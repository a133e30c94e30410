from __future__ import annotations

import numpy as np
import pytest

from pipelines.lab.evaluate import SPLITS, accuracy, nearest_mean, pictures
from pipelines.lab.synthetic.canvas import filled, paint, placed, strokes
from pipelines.lab.synthetic.objects import COUNTS, _apart
from pipelines.lab.tasks import CLASS_COUNT, TASKS, samples

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))


@every_task
def test_pictures_have_one_form_and_come_again_from_their_seed(task) -> None:
    pixels, labels = samples(np.random.default_rng(5), task, 12, 0.5)
    assert pixels.shape == (12, 3, 32, 32) and pixels.dtype == np.float32
    assert pixels.min() >= 0 and pixels.max() <= 1
    assert labels.min() >= 0 and labels.max() < len(task.classes)
    again, same_labels = samples(np.random.default_rng(5), task, 12, 0.5)
    assert np.array_equal(pixels, again) and np.array_equal(labels, same_labels)
    assert not np.array_equal(pixels, samples(np.random.default_rng(6), task, 12, 0.5)[0])


@every_task
@pytest.mark.parametrize("is_wild", [False, True], ids=["plain", "wild"])
def test_every_class_can_be_drawn_in_both_looks(task, is_wild: bool) -> None:
    for number in range(len(task.classes)):
        picture = task.draw(np.random.default_rng(number), number, is_wild)
        assert picture.shape == (32, 32, 3) and np.isfinite(picture).all() and picture.std() > 0.005


@every_task
def test_a_class_is_seen_in_the_plain_picture(task) -> None:
    pictures_of = [
        np.mean([task.draw(np.random.default_rng([seed, 1]), number, False) for seed in range(12)], 0)
        for number in range(2)
    ]
    assert np.abs(pictures_of[0] - pictures_of[1]).max() > 0.05


def test_classes_of_the_tasks_follow_one_another() -> None:
    spans = [task.span for task in TASKS.values()]
    assert [span.start for span in spans[1:]] == [span.stop for span in spans[:-1]]
    assert (spans[0].start, spans[-1].stop) == (0, CLASS_COUNT) and len(TASKS) == 8


def test_as_many_things_as_the_class_says_stand_apart() -> None:
    for wanted in range(1, len(COUNTS) + 1):
        centres = _apart(np.random.default_rng(wanted), wanted, 9.0)
        distances = [np.hypot(*(a - b)) for i, a in enumerate(centres) for b in centres[:i]]
        assert len(centres) == wanted and all(distance > 6 for distance in distances)


def test_the_inner_contour_is_a_hole() -> None:
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    ring = filled([placed(square, np.full(2, 15.5), size, 0.0) for size in (10, 5)])
    assert ring[16, 16] == 0 and ring[8, 16] == 1 and ring[2, 2] == 0


def test_placed_turns_and_moves() -> None:
    turned = placed(np.array([[1.0, 0.0]]), np.array([3.0, 4.0]), 2.0, np.pi / 2)
    assert np.allclose(turned, [[3, 6]])  # y points down: a quarter turn takes x to y


def test_paint_covers_by_its_share() -> None:
    picture = np.zeros((32, 32, 3), np.float32)
    line = strokes([np.array([[0.0, 16.0], [31.0, 16.0]])], 3)
    paint(picture, line, (1.0, 0.5, 0.0), opacity=0.5)
    assert np.allclose(picture[16, 10], [0.5, 0.25, 0]) and not picture[5].any()


def test_splits_share_no_picture() -> None:
    first = {split: pictures("shapes", split)[0][0] for split in SPLITS}
    assert all(not np.array_equal(first[a], first[b]) for a in first for b in first if a < b)


def test_the_naive_answer_is_above_chance_where_colour_tells() -> None:
    assert accuracy(nearest_mean, "colours", limit=200) > 1.3 / len(TASKS["colours"].classes)
