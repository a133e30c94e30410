"""The authors' IGTR checkpoints, .pth as OpenOCR writes them, to safetensors that the desk can mix.

Only tensors are unpickled (`weights_only`). BatchNorm becomes the scale and shift it amounts to in evaluation, and the
first convolution is turned to RGB where the checkpoint was trained on BGR, as the published configuration says. Every
tensor of the file must find its place, and every place its tensor.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.text_recognition.igtr_authors import AuthorsIGTR

ENTRIES = ("state_dict", "model")
BATCH_NORM_EPSILON = 1e-5
FIRST_CONVOLUTION = "encoder.patch_embed.proj.0.conv.weight"
VISUAL_POSITIONS = "decoder.vis_pos_embed"
CHANNELS = ("BGR", "RGB")


@dataclass(frozen=True)
class Imported:
    """A checkpoint in our form.

    Attributes:
        weights: state dict of `igtr_authors.AuthorsIGTR`, float32.
        consumed: how many tensors of the file went into it: all.
        folded: how many BatchNorms became scale and shift.
        channels: order of the channels that the file was trained on.
    """

    weights: Mapping[str, Tensor]
    consumed: int
    folded: int
    channels: str


def import_checkpoint(path: Path, config: Path | None = None, network: AuthorsIGTR | None = None) -> Imported:
    """Read a checkpoint of the authors.

    Args:
        config: the YAML file it was trained with; without it the published one is assumed.
        network: of its sizes; None builds the published ones.

    Raises:
        UserError: not a file of tensors, or not this network: the message names a tensor and both shapes.
    """
    import torch

    from pipelines.text_recognition.igtr_authors import AuthorsIGTR

    channels = _channels(config)
    read = _read(path)
    with torch.device("meta"):
        wanted = (network or AuthorsIGTR()).state_dict()
    weights, folded = _fold(read)
    _unroll_positions(weights, wanted)
    _check(weights, wanted, path.name)
    if channels == "BGR":
        weights[FIRST_CONVOLUTION] = weights[FIRST_CONVOLUTION].flip(1)
    ordered = {key: weights[key].contiguous() for key in wanted}
    return Imported(ordered, len(read), folded, channels)


def store(imported: Imported, source: Path, target: Path) -> Path:
    """Write the safetensors and, beside it, a card that says where they come from."""
    from safetensors.torch import save_file

    from pipelines.shared.weights import whole_file

    with whole_file(target) as draft:
        save_file(dict(imported.weights), draft)
    card = target.with_suffix(".md")
    card.write_text(_card(imported, source, target))
    return target


def _read(path: Path) -> dict[str, Tensor]:
    import torch

    if not path.is_file():
        raise UserError(f"There is no file {path}.", title="File not found")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(
            f"{path.name} cannot be read as plain tensors: {str(error).splitlines()[0]} Files that hold more than "
            "tensors can hide programs and are not opened.",
            title="Format not accepted",
        ) from error
    for entry in ENTRIES:
        if isinstance(content, dict) and isinstance(content.get(entry), dict):
            content = content[entry]
            break
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(one, torch.Tensor) for one in content.values())
    ):
        raise UserError(f"{path.name} holds no state dict, neither at its top nor under {' or '.join(ENTRIES)}.")
    return {str(key).removeprefix("module."): tensor for key, tensor in content.items()}


def _fold(read: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], int]:
    """Weights as float32, each BatchNorm as scale and shift."""
    weights = dict(read)
    norms = [key.removesuffix("running_var") for key in read if key.endswith(".running_var")]
    for prefix in norms:
        weights.pop(prefix + "num_batches_tracked", None)
        mean, variance = weights.pop(prefix + "running_mean", None), weights.pop(prefix + "running_var")
        if mean is None or prefix + "weight" not in weights or prefix + "bias" not in weights:
            raise UserError(f"{prefix}running_var has no weight, bias or running_mean beside it: no whole BatchNorm.")
        scale = weights[prefix + "weight"].double() / (variance.double() + BATCH_NORM_EPSILON).sqrt()
        weights[prefix + "bias"] = weights[prefix + "bias"].double() - mean.double() * scale
        weights[prefix + "weight"] = scale
    return {key: tensor.float() for key, tensor in weights.items()}, len(norms)


def _unroll_positions(weights: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """A table of visual positions for one size, (1, tokens, d), as the two-dimensional one has it, zeros beyond."""
    stored, place = weights.get(VISUAL_POSITIONS), wanted[VISUAL_POSITIONS]
    columns = place.shape[3]
    if stored is None or stored.ndim != 3 or stored.shape[1] % columns or stored.shape[1] > place[0, 0].numel():
        return
    table = stored.new_zeros(place.shape)
    table[:, :, : stored.shape[1] // columns] = stored.transpose(1, 2).unflatten(2, (-1, columns))
    weights[VISUAL_POSITIONS] = table


def _check(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> None:
    if left := sorted(weights.keys() - wanted.keys()):
        raise UserError(f"{name} has {_first_of(left)}, which IGTR has no place for: another network or other sizes.")
    if absent := sorted(wanted.keys() - weights.keys()):
        raise UserError(f"{name} lacks {_first_of(absent)}, which IGTR needs.")
    for key, place in wanted.items():
        if weights[key].shape != place.shape:
            raise UserError(
                f"{name} has {key} of {tuple(weights[key].shape)}, IGTR of the published sizes has "
                f"{tuple(place.shape)}: for example, Chinese checkpoints have more characters."
            )
        if not bool(weights[key].isfinite().all()):
            raise UserError(f"{name} has values in {key} that are not finite: the file is damaged.")


def _first_of(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"


def _channels(config: Path | None) -> str:
    """Order of the channels: "img_mode" of the image decoder in the evaluation part of the configuration."""
    if config is None:
        return CHANNELS[0]
    import yaml

    try:
        stated = yaml.safe_load(config.read_text())
        steps = stated["Eval"]["dataset"]["transforms"]
        modes = [step["DecodeImage"]["img_mode"] for step in steps if isinstance(step, dict) and "DecodeImage" in step]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{config.name} is no configuration of OpenOCR: {error} cannot be read there.") from error
    if len(modes) != 1 or modes[0] not in CHANNELS:
        raise UserError(f"{config.name} says img_mode {modes}; expected one of {', '.join(CHANNELS)}.")
    return modes[0]


def _card(imported: Imported, source: Path, target: Path) -> str:
    return (
        f"# {target.stem}\n\n"
        "IGTR (Instruction-Guided Scene Text Recognition, Zheng et al. 2025, arXiv:2401.17851), full size.\n\n"
        f"Imported from `{source.name}`, a checkpoint of the authors (OpenOCR project; see there for its licence and "
        f"training data). {imported.consumed} tensors read, all used; {imported.folded} BatchNorms stored as scale and "
        f"shift; trained on {imported.channels}, stored for RGB. Crops are stretched to 128 x 32.\n"
    )
