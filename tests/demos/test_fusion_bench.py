"""Jobs and what is kept of them."""

from __future__ import annotations

from dataclasses import replace

from demos.fusion_bench import Job, Shelf
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


def test_the_shelf_forgets_the_oldest_when_full() -> None:
    shelf = Shelf(most_bytes=100)
    for name in ("a", "b", "c"):
        shelf.put(name, name.upper(), 40)
    assert shelf.get("a") is None and shelf.get("c") == "C"


def test_what_was_used_lately_stays() -> None:
    shelf = Shelf(most_bytes=100)
    shelf.put("a", 1, 40)
    shelf.put("b", 2, 40)
    shelf.get("a")
    shelf.put("c", 3, 40)
    assert shelf.get("a") == 1 and shelf.get("b") is None


def test_replacing_a_value_does_not_count_it_twice() -> None:
    shelf = Shelf(most_bytes=100)
    for _ in range(5):
        shelf.put("a", 1, 60)
    shelf.put("b", 2, 40)
    assert shelf.get("a") == 1 and shelf.get("b") == 2
