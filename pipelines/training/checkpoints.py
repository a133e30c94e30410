"""Checkpoints of a training run: half precision on disk, float32 in memory."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn


def store(model: nn.Module, path: Path, seconds: float) -> Path:
    """Write the network's weights as fp16 safetensors; `seconds` of training go into the metadata."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().half().contiguous() for name, value in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"seconds": f"{seconds:.0f}"})
    return path


def loaded(path: Path) -> dict[str, Tensor]:
    """Weights of a stored checkpoint as float32: what every later use of the file sees."""
    from safetensors.torch import load_file

    return {name: value.float() for name, value in load_file(path).items()}


def seconds_in(path: Path) -> float:
    """Seconds of training in a stored checkpoint; 0 where it does not say."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return float((file.metadata() or {}).get("seconds", 0))
