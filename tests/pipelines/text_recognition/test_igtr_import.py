from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pipelines.__main__ import main
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.text_recognition.igtr_authors import AuthorsIGTR
from pipelines.text_recognition.igtr_authors_encoder import AuthorsShape
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.igtr_import import FIRST_CONVOLUTION, VISUAL_POSITIONS, import_checkpoint, store
from pipelines.text_recognition.instructions import ask_characters, empty_condition
from pipelines.text_recognition.layers import Affine

TINY = AuthorsShape((8, 16, 32), (2, 1), (1, 1), ratio=2)


def with_batch_norm(network: nn.Module) -> nn.Module:
    """The network as the authors have it: BatchNorm where ours has scale and shift."""
    for name, module in list(network.named_modules()):
        if isinstance(module, Affine):
            owner, _, last = name.rpartition(".")
            setattr(network.get_submodule(owner), last, nn.BatchNorm2d(len(module.weight)))
    return network


def authors_network(shape: AuthorsShape = TINY, seed: int = 0) -> nn.Module:
    """A random network of the authors' names, with statistics as training leaves them."""
    torch.manual_seed(seed)
    network = with_batch_norm(AuthorsIGTR(shape))
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.normal_(std=0.2)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return network.eval().requires_grad_(False)


def written(path: Path, state: Mapping[str, Any], entry: str | None = "state_dict") -> Path:
    torch.save({"epoch": 20, entry: dict(state)} if entry else dict(state), path)
    return path


@pytest.fixture
def authors() -> nn.Module:
    return authors_network()


@pytest.fixture
def tiny() -> AuthorsIGTR:
    return AuthorsIGTR(TINY)


def answer(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    asked = ask_characters(torch.arange(1, 6).expand(len(pixels), 5))
    with torch.inference_mode():
        return network.characters(network(pixels, empty_condition(len(pixels)), asked).features)


@pytest.mark.parametrize("entry", ["state_dict", "model", None])
def test_an_import_answers_as_the_network_with_its_statistics_did(
    entry: str | None, authors: nn.Module, tiny: AuthorsIGTR, tmp_path: Path
) -> None:
    imported = import_checkpoint(written(tmp_path / "best.pth", authors.state_dict(), entry), network=tiny)
    tiny.load_state_dict(imported.weights)
    pixels = torch.rand(2, 3, 32, 128)
    torch.testing.assert_close(answer(tiny.eval(), pixels), answer(authors, pixels.flip(1)), rtol=0, atol=1e-4)
    assert imported.channels == "BGR" and imported.consumed == len(authors.state_dict())
    assert imported.folded == sum(isinstance(one, nn.BatchNorm2d) for one in authors.modules())


def test_the_names_are_those_of_the_published_files(authors: nn.Module) -> None:
    keys = set(authors_network(AuthorsShape((8, 16, 32), ratio=2)).state_dict())
    names = [
        "encoder.patch_embed.proj.0.conv.weight", "encoder.patch_embed.proj.1.norm.running_mean", "encoder.pos_embed",
        "encoder.conv_blocks1.5.local_mixer.weight", "encoder.conv_blocks1.0.mlp.fc1.bias",
        "encoder.conv_blocks1.6.0.weight", "encoder.conv_blocks1.6.1.running_var", "encoder.conv_blocks1.8.norm2.bias",
        "encoder.trans_blocks.0.mixer.qkv.weight", "encoder.trans_blocks.3.mixer.proj.bias",
        "encoder.trans_blocks.4.conv.weight", "encoder.trans_blocks.4.norm.bias",
        "encoder.trans_blocks.10.mlp.fc2.bias",
        "decoder.char_embed.embedding.weight", "decoder.cmff_decoder.0.images_to_question_cross_attn.kv.weight",
        "decoder.cmff_decoder.0.question_to_images_cross_attn.q.bias", "decoder.cmff_decoder.0.normq1.weight",
        "decoder.cmff_decoder.0.normkv2.bias", "decoder.cmff_decoder.0.normmlp.bias",
        "decoder.answer_to_question_layer.normkv.weight", "decoder.answer_to_image_layer.mixer.proj.weight",
        "decoder.char_pos_embed", "decoder.appear_num_embed", "decoder.vis_pos_embed", "decoder.prompt_pos_embed",
        "decoder.answer_query", "decoder.norm_pred.bias", "decoder.ques1_head.bias", "decoder.ques2_head.weight",
        "decoder.ques3_head.bias", "decoder.ques4_head.weight",
    ]  # fmt: skip
    assert set(names) <= keys and "decoder.ques2_head.bias" not in keys


def test_colours_are_turned_only_where_the_file_was_trained_on_bgr(
    authors: nn.Module, tiny: AuthorsIGTR, tmp_path: Path
) -> None:
    path = written(tmp_path / "best.pth", authors.state_dict())
    config = tmp_path / "train.yml"
    steps = "[{DecodeImage: {img_mode: RGB}}, {ARLabelEncode: null}]"
    config.write_text(f"Eval: {{dataset: {{transforms: {steps}}}}}")
    stored = authors.state_dict()[FIRST_CONVOLUTION]
    assert torch.equal(import_checkpoint(path, config, tiny).weights[FIRST_CONVOLUTION], stored)
    assert torch.equal(import_checkpoint(path, None, tiny).weights[FIRST_CONVOLUTION], stored.flip(1))


def test_positions_of_one_size_are_unrolled(authors: nn.Module, tiny: AuthorsIGTR, tmp_path: Path) -> None:
    state = authors.state_dict()
    state[VISUAL_POSITIONS] = torch.randn(1, 4 * 32, 32)
    imported = import_checkpoint(written(tmp_path / "best.pth", state), network=tiny)
    table = imported.weights[VISUAL_POSITIONS]
    assert torch.equal(table[0, :, 2, 5], state[VISUAL_POSITIONS][0, 2 * 32 + 5]) and not table[:, :, 4:].any()


def test_a_checkpoint_of_parallel_training_is_read(authors: nn.Module, tiny: AuthorsIGTR, tmp_path: Path) -> None:
    state = {f"module.{key}": value for key, value in authors.state_dict().items()}
    assert import_checkpoint(written(tmp_path / "best.pth", state), network=tiny).consumed == len(state)


def change(state: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {name: one for name, one in state.items() if name != key} | ({} if value is None else {key: value})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("decoder.extra.weight", torch.ones(2), "has decoder.extra.weight, which IGTR has no place for"),
     ("decoder.ques3_head.bias", None, "lacks decoder.ques3_head.bias"),
     ("decoder.ques1_head.bias", torch.ones(6624), r"of \(6624,\), IGTR of the published sizes has \(95,\)"),
     ("encoder.conv_blocks1.0.norm1.running_mean", None, "no whole BatchNorm"),
     ("decoder.answer_query", torch.full((1, 1, 32), torch.nan), "not finite")],
)  # fmt: skip
def test_a_tensor_without_place_or_a_place_without_tensor_is_refused(
    key: str, value: Any, said: str, authors: nn.Module, tiny: AuthorsIGTR, tmp_path: Path
) -> None:
    path = written(tmp_path / "best.pth", change(dict(authors.state_dict()), key, value))
    with pytest.raises(UserError, match=said):
        import_checkpoint(path, network=tiny)


class Surprise:
    """Would run when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("gotcha",))


@pytest.mark.parametrize("content", [{"state_dict": Surprise()}, {"state_dict": 3}, [torch.ones(1)]])
def test_what_is_no_file_of_tensors_is_refused(
    content: Any, tiny: AuthorsIGTR, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(UserError, match=r"odd\.pth"):
        import_checkpoint(tmp_path / "odd.pth", network=tiny)
    assert "gotcha" not in capsys.readouterr().out


def test_a_configuration_without_image_mode_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.yml").write_text("Eval: {}")
    with pytest.raises(UserError, match=r"train\.yml is no configuration of OpenOCR"):
        import_checkpoint(tmp_path / "best.pth", tmp_path / "train.yml")


def test_base_and_expert_are_mixed_on_the_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipelines.text_recognition.igtr_authors.AuthorsIGTR.__init__.__defaults__", (TINY,))
    monkeypatch.setattr("pipelines.commands.loading.ASSETS", tmp_path)
    for seed, place in enumerate(("synthetic", "pt")):
        path = written(tmp_path / f"{place}.pth", authors_network(seed=seed).state_dict())
        assert main(["import-igtr", str(path), "--as", place]) == 0
    assert "norms folded, trained on BGR" in capsys.readouterr().out
    folder = tmp_path / "weights" / "igtr-authors"
    assert "all used" in (folder / "pt.md").read_text()
    stored = load_file(folder / "pt.safetensors")
    with ModelCache(tmp_path).lease(IGTR_AUTHORS, MergeRecipe(coefficients=(("pt", 1.0),))) as lease:
        assert all(torch.equal(value, stored[key]) for key, value in lease.model.state_dict().items())


def test_a_file_elsewhere_must_be_safetensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-igtr", "best.pth", "--out", str(tmp_path / "net.pth")]) == 1
    assert "written as .safetensors" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(authors: nn.Module, tiny: AuthorsIGTR, tmp_path: Path) -> None:
    imported = import_checkpoint(written(tmp_path / "best.pth", authors.state_dict()), network=tiny)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot write"):
        store(imported, tmp_path / "best.pth", tmp_path / "file" / "net.safetensors")
