from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.merging.layout import check_blocks
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.hub import parse
from pipelines.text_recognition.trocr import TROCR_BASE, TROCR_FAMILIES, TROCR_LARGE, TROCR_SMALL, TrOCR

FAMILIES_BY_BUILD = {"roberta": TROCR_BASE, "sinusoidal": TROCR_LARGE, "unilm": TROCR_SMALL}
START = torch.full((1, 1), 2)
Store = Callable[[Path, str, int], Path]


def tiny(family: ModelFamily, build: str, folder: Path, store: Store) -> ModelFamily:
    """The family with tiny random checkpoints in place of the published ones."""

    def spec(name: str, seed: int) -> ModelSpec:
        return ModelSpec(name, f"folder:{store(folder / name, build, seed)}", None, "MIT")

    experts = {task: spec(task, seed) for seed, task in enumerate(family.experts, 1)}
    return replace(family, base=spec("base", 0), experts=experts)


@pytest.fixture(params=FAMILIES_BY_BUILD)
def family(request: pytest.FixtureRequest, tmp_path: Path, store_trocr: Store) -> ModelFamily:
    return tiny(FAMILIES_BY_BUILD[request.param], request.param, tmp_path, store_trocr)


def logits(model: torch.nn.Module) -> torch.Tensor:
    torch.manual_seed(9)
    with torch.inference_mode():
        return model(pixel_values=torch.rand(1, 3, 32, 32), decoder_input_ids=START).logits


def only(task: str, value: float = 1.0) -> MergeRecipe:
    return MergeRecipe(coefficients=((task, value),))


def test_no_expert_gives_the_base_and_one_whole_expert_gives_it_to_the_bit(family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    task = family.tasks[0]
    for recipe, name in ((only(task, 0.0), "base"), (only(task), task)):
        with cache.lease(family, recipe) as lease:
            alone = family.build.load(tmp_path / name)
            torch.testing.assert_close(logits(lease.model), logits(alone), rtol=0, atol=1e-4)
            stored = alone.state_dict()
            assert all(torch.equal(value, stored[key]) for key, value in lease.model.state_dict().items())


def test_a_mix_lies_between_base_and_expert(family: ModelFamily, tmp_path: Path) -> None:
    weights = {name: family.build.load(tmp_path / name).state_dict() for name in ("base", family.tasks[0])}
    with ModelCache(tmp_path).lease(family, only(family.tasks[0], 0.5)) as lease:
        for key, value in lease.model.state_dict().items():
            wanted = (weights["base"][key] + weights[family.tasks[0]][key]) / 2
            torch.testing.assert_close(value, wanted, rtol=0, atol=1e-6)


def test_the_pooler_that_nothing_reads_is_no_part_of_the_mix(family: ModelFamily, tmp_path: Path) -> None:
    stored = load_file(tmp_path / "base" / "model.safetensors")
    with ModelCache(tmp_path).lease(family, only(family.tasks[0], 0.5)) as lease:
        assert not any("pooler" in key for key in (*stored, *lease.model.state_dict()))


def test_every_weight_belongs_to_one_block_of_the_desk(family: ModelFamily, tmp_path: Path) -> None:
    keys = list(family.build.load(tmp_path / "base").state_dict())
    deep = [key.replace("layers.1.", "layers.23.") for key in keys if key.startswith("encoder.layers.1.")]
    assert deep
    check_blocks([*keys, *deep], [(block.name, block.match) for block in family.blocks])


def test_tied_words_stay_one_tensor_in_a_mix(tmp_path: Path, store_trocr: Store) -> None:
    family = tiny(TROCR_BASE, "roberta", tmp_path, store_trocr)
    with ModelCache(tmp_path).lease(family, only("handwritten", 0.3)) as lease:
        decoder = lease.model.decoder
        assert decoder.output_projection.weight.data_ptr() == decoder.get_input_embeddings().weight.data_ptr()


def test_fixed_positions_are_those_of_a_network_built_with_its_weights(tmp_path: Path, store_trocr: Store) -> None:
    from transformers import VisionEncoderDecoderModel

    folder = store_trocr(tmp_path / "base", "sinusoidal", 0)
    read = TROCR_LARGE.build.load(folder)
    built = VisionEncoderDecoderModel(read.config).decoder.model.decoder.embed_positions.weights
    assert torch.equal(read.decoder.model.decoder.embed_positions.weights, built)


@pytest.mark.parametrize(
    ("build", "family", "said"),
    [("sinusoidal", TROCR_BASE, "activation_function 'relu'"), ("roberta", TROCR_LARGE, "activation_function 'gelu'"),
     ("sinusoidal", TROCR_SMALL, "use_learned_position_embeddings False")],
)  # fmt: skip
def test_a_decoder_of_another_build_is_refused(
    build: str, family: ModelFamily, said: str, tmp_path: Path, store_trocr: Store
) -> None:
    folder = store_trocr(tmp_path / "stage1", build, 0)
    with pytest.raises(UserError, match=f"stage1 has a decoder with {said}.*cannot be mixed"):
        family.build.load(folder)


@pytest.mark.parametrize("family", TROCR_FAMILIES, ids=lambda family: family.name)
def test_published_checkpoints_are_pinned_licensed_and_described(family: ModelFamily) -> None:
    assert isinstance(family.build, TrOCR) and family.tier == "full" and family.experts
    for spec in (family.base, *family.experts.values()):
        repository, _ = parse(spec.source.removeprefix("hub:"))
        assert repository == f"microsoft/{spec.name}" and spec.license == "MIT" and spec.task
    assert set(dict(family.default.coefficients)) == set(family.tasks)


def test_a_checkpoint_that_is_not_here_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cache = ModelCache(tmp_path)
    with pytest.raises(UserError, match="hf download microsoft/trocr-small-stage1"), cache.lease(TROCR_SMALL):
        pass
