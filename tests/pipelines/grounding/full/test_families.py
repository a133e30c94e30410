from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.grounding.any_grounder import GROUNDERS, grounder_family, open_grounder
from pipelines.grounding.family import PLVL_FAMILY
from pipelines.grounding.full.families import (
    DINO_TINY,
    FLORENCE_BASE,
    GROUNDING_FAMILIES,
    SEGMENTERS,
    Grounder,
    Segmenter,
    detector_of,
)
from pipelines.grounding.full.pipeline import FullGroundingPipeline
from pipelines.grounding.pipeline import GroundingPipeline
from pipelines.merging.layout import check_blocks
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import FAMILIES
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.hub import parse
from pipelines.shared.images import OpenedImage
from tests.pipelines.grounding.full import tiny


@pytest.mark.parametrize("family", GROUNDING_FAMILIES, ids=lambda family: family.name)
def test_published_checkpoints_are_registered_pinned_licensed_and_described(family: ModelFamily) -> None:
    assert family in FAMILIES and family.tier == "full" and family.pipeline == "grounding"
    assert isinstance(family.build, Segmenter if family in SEGMENTERS else Grounder)
    for spec in (family.base, *family.experts.values()):
        repository, _ = parse(spec.source.removeprefix("hub:"))
        assert repository.lower().endswith(spec.name) and spec.license and spec.task


def test_the_menu_offers_what_grounds_and_no_network_for_masks() -> None:
    assert GROUNDERS[0] is PLVL_FAMILY
    assert [family.name for family in GROUNDERS if family in SEGMENTERS] == []
    assert grounder_family("llmdet-tiny").name == "llmdet-tiny"
    with pytest.raises(UserError, match="known are plvl, grounding-dino-tiny"):
        grounder_family("sam-base")


def test_every_family_gets_its_pipeline(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    assert isinstance(open_grounder(cache, PLVL_FAMILY), GroundingPipeline)
    assert isinstance(open_grounder(cache, DINO_TINY), FullGroundingPipeline)


def test_a_checkpoint_that_is_not_here_says_how_to_get_it(
    tmp_path: Path, picture: OpenedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="hf download IDEA-Research/grounding-dino-tiny --revision a2bb814"):
        FullGroundingPipeline(ModelCache(tmp_path), DINO_TINY)(picture, ["the mug"])


def test_pickles_are_not_opened(tmp_path: Path, picture: OpenedImage) -> None:
    torch.save({}, tmp_path / "pytorch_model.bin")
    family = detector_of("mine", f"folder:{tmp_path}")
    with pytest.raises(UserError, match="can hide programs and are not opened"):
        FullGroundingPipeline(ModelCache(tmp_path), family)(picture, ["the mug"])


@pytest.fixture(scope="module")
def florence(tmp_path_factory: pytest.TempPathFactory) -> ModelFamily:
    """Florence-2 with a base and a tuned checkpoint."""
    root = tmp_path_factory.mktemp("florence")
    specs = [
        ModelSpec(name, f"folder:{tiny.store_florence(root / name, seed)}", None, "MIT")
        for seed, name in enumerate(("base", "ft"))
    ]
    return replace(FLORENCE_BASE, base=specs[0], experts={"ft": specs[1]})


def test_one_fader_goes_from_zero_shot_to_fine_tuned(florence: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    stored = [
        florence.build.load(Path(spec.source.removeprefix("folder:"))).state_dict()
        for spec in (florence.base, florence.experts["ft"])
    ]
    check_blocks(list(stored[0]), [(block.name, block.match) for block in florence.blocks])
    for share in (0.0, 0.4, 1.0):
        with cache.lease(florence, MergeRecipe(coefficients=(("ft", share),))) as lease:
            mixed = lease.model.state_dict()
            for key, base in stored[0].items():
                torch.testing.assert_close(mixed[key], base + share * (stored[1][key] - base), rtol=0, atol=1e-5)
            words = lease.model.get_input_embeddings().weight
            assert lease.model.lm_head.weight.data_ptr() == words.data_ptr()
