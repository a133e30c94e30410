"""Jobs and what is kept of them."""

from __future__ import annotations

from dataclasses import replace

from demos.fusion_bench import Job
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import Placement
from pipelines.merging.recipe import MergeRecipe

JOB = Job(("a.png", "b.png"), FusionOptions(), MergeRecipe())


def test_equal_jobs_have_equal_keys_and_any_setting_changes_it() -> None:
    assert JOB.key == replace(JOB).key
    others = [replace(JOB, placement=Placement(is_aligned=True)), replace(JOB, recipe=MergeRecipe(scale=0.5)),
              JOB.preview(20_000), replace(JOB, options=FusionOptions(detail=1.5))]  # fmt: skip
    assert JOB.key not in {other.key for other in others} and len({other.key for other in others}) == 4


def test_engines_without_a_network_do_not_depend_on_the_mix() -> None:
    assert JOB.by_engine("average").key == replace(JOB, recipe=MergeRecipe(scale=0.1)).by_engine("average").key
