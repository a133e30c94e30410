from __future__ import annotations

import pytest

from pipelines.lab.trial import Trial
from pipelines.merging.tuning import SCALES


def test_an_expert_scores_as_itself(trial: Trial) -> None:
    assert trial.experts() == pytest.approx(dict.fromkeys(trial.tasks, 1.0))


def test_experts_that_share_no_weight_are_recovered_by_masks_at_any_threshold(apart: Trial) -> None:
    for threshold in (0.2, 5.0):
        assert apart.tall(thresholds=(threshold,)).normalised == pytest.approx(1.0)
    assert apart.emr().normalised == pytest.approx(1.0)


def test_masks_recover_more_than_one_sum_for_all(trial: Trial) -> None:
    tall, plain = trial.tall(), trial.at_best_scale(trial.recipe("task_arithmetic"))
    assert tall.normalised > plain.normalised + 0.02
    assert set(tall.chosen["thresholds"]) == set(trial.tasks)


def test_the_scale_is_chosen_on_the_validation_split_and_reported_on_the_test_split(trial: Trial) -> None:
    row = trial.at_best_scale(trial.recipe("task_arithmetic"))
    everything = [split for tasks, split in trial.score.asked if len(tasks) == len(trial.tasks)]
    assert everything == ["validation"] * len(SCALES) + ["test"]
    by_hand = {scale: trial.scores(trial.recipe("task_arithmetic", scale=scale), "validation") for scale in SCALES}
    assert row.chosen["scale"] == max(SCALES, key=lambda scale: sum(by_hand[scale].values()))


def test_fewer_tasks_are_merged_without_the_others(trial: Trial) -> None:
    one = trial.among(trial.tasks[:1])
    row = one.row(one.recipe("task_arithmetic"))
    assert row.scores == pytest.approx({trial.tasks[0]: 1.0})


def test_a_row_is_normalised_by_the_experts(trial: Trial) -> None:
    trial._experts["test"] = dict.fromkeys(trial.tasks, 0.5)
    row = trial.row_of(dict.fromkeys(trial.tasks, 0.4))
    assert row.normalised == pytest.approx(0.8) and row.mean == pytest.approx(0.4)


def test_full_plain_masks_are_the_sum_and_thin_ones_are_not(trial: Trial) -> None:
    plain = trial.scores(trial.recipe("task_arithmetic"))
    for pick in ("magnitude", "random"):
        whole = trial.by_plain_masks(pick, dict.fromkeys(trial.tasks, 1.0))
        thin = trial.by_plain_masks(pick, dict.fromkeys(trial.tasks, 0.3))
        assert whole.scores == pytest.approx(plain, abs=1e-5)
        assert all(abs(thin.scores[task] - plain[task]) > 0.01 for task in trial.tasks)


def test_densities_are_those_of_the_chosen_thresholds(trial: Trial) -> None:
    dense, thin = (trial.tall_densities(trial.tall(thresholds=(value,))) for value in (0.2, 2.0))
    assert all(dense[task] > thin[task] for task in trial.tasks)
