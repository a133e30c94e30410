"""What families give to methods that are fed, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipelines.lab import evaluate, feeding, surrogate, unlabelled
from pipelines.lab.family import SHAPES_VIT
from pipelines.lab.feeding import check_fed, checked_settings, fed_method, feed_of, steps_of, with_pair
from pipelines.lab.tasks import TASKS
from pipelines.lab.vit import ShapesViT, Sizes
from pipelines.merging.arena import Arena
from pipelines.merging.errors import MergeError
from pipelines.merging.feed import Feed
from pipelines.registry import FAMILIES, family
from pipelines.shared.errors import UserError
from tests.pipelines.lab.tiny_vit import answer, network


@pytest.fixture(scope="module")
def arena() -> Arena:
    base = network(0)
    noise = {task: network(seed) for seed, task in enumerate(("shapes", "colours"), 1)}
    return Arena.from_checkpoints(
        base,
        {task: {k: v + 0.05 * one[k] * (k != "prototypes") for k, v in base.items()} for task, one in noise.items()},
    )


@pytest.fixture
def feed(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    monkeypatch.setitem(evaluate.SPLITS, "unlabelled", (3, 16))
    monkeypatch.setattr(surrogate, "PER_TASK", 2)
    evaluate.pictures.cache_clear()
    yield feed_of(SHAPES_VIT, arena, ("shapes", "colours"))
    evaluate.pictures.cache_clear()


@pytest.mark.parametrize("method", feeding.FED, ids=lambda one: one.name)
def test_shapes_vit_feeds_every_method_and_each_makes_a_network(method, arena: Arena, feed: Feed) -> None:
    check_fed(SHAPES_VIT, method)
    fed = with_pair(feed, arena, "shapes", "colours", 1) if "pair" in method.feeds else feed
    settings = {"samples": 4} if "samples" in method.feeds else {"steps": 10, "rate": 0.05}
    settings |= {"epsilon": 0.3} if "pair" in method.feeds else {}
    *_, last = steps_of(method, fed, settings)
    assert last.done == last.total and last.made is not None
    own, *others = last.made().networks.values()
    assert others and own.keys() == SHAPES_VIT.build().state_dict().keys()
    assert torch.isfinite(answer({key: value.detach() for key, value in own.items()})).all()


def test_samples_are_the_unlabelled_split_and_logits_those_of_the_task(feed: Feed) -> None:
    pixels = feed.samples.inputs("shapes", 1, 3)
    assert torch.equal(pixels, torch.from_numpy(evaluate.pictures("shapes", "unlabelled")[0][1:3]))
    model = SHAPES_VIT.build().eval()
    model.load_state_dict(feed.experts["shapes"])
    with torch.no_grad():
        torch.testing.assert_close(
            feed.samples.answer(feed.experts["shapes"], pixels, "shapes"), model(pixels, "shapes")
        )
    assert unlabelled.vit_samples(model).count == 16 and set(feed.experts) < set(TASKS)


def test_a_family_that_cannot_feed_a_method_says_who_can() -> None:
    with pytest.raises(UserError, match="fusenet gives no samples; shapes_vit does"):
        check_fed(family("fusenet"), fed_method("fisher"))
    check_fed(family("fusenet"), fed_method("concrete"))
    with pytest.raises(UserError, match="known are concrete, fisher, regmean, optimal_transport"):
        fed_method("ties")
    hooked = [one for one in FAMILIES if one.samples or one.alignment]
    assert [one.name for one in hooked] == ["shapes_vit"]


def test_settings_are_checked_and_whole_where_steps_are_whole() -> None:
    regmean = fed_method("regmean")
    found = checked_settings(regmean, {"samples": 32.0})
    assert found == {"samples": 32, "off_diagonal": 0.95} and isinstance(found["samples"], int)
    with pytest.raises(UserError, match="no setting 'seeds'"):
        checked_settings(regmean, {"seeds": 1})
    with pytest.raises(UserError, match=r"off_diagonal of RegMean lies between 0\.8 and 1; came 0\.5"):
        checked_settings(regmean, {"off_diagonal": 0.5})
    transport = fed_method("optimal_transport")
    assert checked_settings(transport, {"by": "weights"})["by"] == "weights"
    with pytest.raises(UserError, match="by of Optimal-transport fusion is one of activations, weights; came 'looks'"):
        checked_settings(transport, {"by": "looks"})


def test_a_network_of_another_start_comes_from_a_file_of_the_same_kind(
    arena: Arena, feed: Feed, tmp_path: Path
) -> None:
    stranger = network(9)
    save_file({key: value.half() for key, value in stranger.items()}, tmp_path / "other.safetensors")
    pair = with_pair(feed, arena, "base", tmp_path / "other.safetensors").pair
    assert list(pair) == ["base", "other"] and pair["other"]["norm.weight"].dtype == torch.float32
    torch.testing.assert_close(pair["other"]["norm.weight"], stranger["norm.weight"].half().float())
    save_file({key: value for key, value in stranger.items() if key != "position"}, tmp_path / "less.safetensors")
    with pytest.raises(MergeError, match="position"):
        with_pair(feed, arena, "base", tmp_path / "less.safetensors")
    with pytest.raises(UserError, match="choose two, or shuffle"):
        with_pair(feed, arena, "shapes", "shapes")


@pytest.mark.parametrize("by", ["activations", "weights"])
def test_a_narrower_stranger_is_laid_on_the_anchor_and_scored_only_so(
    by: str, arena: Arena, feed: Feed, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    narrow = ShapesViT(Sizes(width=48, hidden=64)).state_dict()
    save_file(narrow, tmp_path / "narrow.safetensors")
    fed = with_pair(feed, arena, "base", tmp_path / "narrow.safetensors", shuffle=1)
    *_, last = steps_of(fed_method("optimal_transport"), fed, {"epsilon": 0, "samples": 2, "by": by})
    networks, model = last.made().networks, SHAPES_VIT.build()
    assert list(networks) == ["Optimal-transport fusion", "base", (laid := "narrow, neurons shuffled, laid on it")]
    for weights in networks.values():
        model.load_state_dict(weights)
    assert not torch.equal(networks[laid]["norm.weight"], networks["base"]["norm.weight"])


def test_a_stranger_of_another_kind_names_the_tensor(arena: Arena, feed: Feed, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    told_of = {"only widths": {"position": torch.zeros(1, 49, 96)}, "1 axes": {"position": torch.zeros(64)},
               "95 and 96 neurons in stream width": {"norm.bias": torch.zeros(95)}}  # fmt: skip
    for told, changed in told_of.items():
        save_file(network(9) | changed, path)
        with pytest.raises(MergeError, match=told):
            with_pair(feed, arena, "base", path)


def test_shuffled_neurons_answer_as_before(arena: Arena, feed: Feed) -> None:
    pair = with_pair(feed, arena, "shapes", "shapes", shuffle=3).pair
    plain, mixed = pair.values()
    assert list(pair) == ["shapes", "shapes, neurons shuffled"] and not torch.equal(
        plain["position"], mixed["position"]
    )
    torch.testing.assert_close(answer(dict(mixed)), answer(dict(plain)), rtol=1e-4, atol=1e-4)
