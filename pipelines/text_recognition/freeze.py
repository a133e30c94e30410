"""The form in which networks are stored and mixed: BatchNorm folded into convolutions, or made a fixed affine layer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.layers import ConvNorm


@torch.no_grad()
def frozen(model: IGTR) -> IGTR:
    """The same function as `model` in evaluation mode, without statistics; a new network."""
    weights = dict(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, ConvNorm):
            scale, shift = _scale_and_shift(module.norm)
            weights[f"{name}.conv.weight"] = module.conv.weight * scale[:, None, None, None]
            weights[f"{name}.conv.bias"] = shift
            weights = {key: value for key, value in weights.items() if not key.startswith(f"{name}.norm.")}
        elif isinstance(module, nn.BatchNorm2d) and f"{name}.weight" in weights:
            weights[f"{name}.weight"], weights[f"{name}.bias"] = _scale_and_shift(module)
    result = IGTR(model.shape, is_frozen=True)
    result.load_state_dict({key: value for key, value in weights.items() if key in result.state_dict()})
    return result.eval()


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale


@torch.no_grad()
def settle_statistics(model: IGTR, batches: Iterable[Tensor]) -> None:
    """Give every BatchNorm the mean statistics of some batches (B, 3, 32, 128): averaged weights need their own."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    model.train()
    for pixels in batches:
        model.encode(pixels)
    model.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
