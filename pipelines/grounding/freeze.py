"""The form in which networks are stored and mixed: every BatchNorm folded into its convolution."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pipelines.grounding.layers import ConvNorm
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.tokenizer import Tokens


@torch.no_grad()
def frozen(model: PLVL) -> PLVL:
    """The same function as `model` in evaluation mode, without statistics; a new network."""
    weights = dict(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            norm = module.norm
            assert norm.running_mean is not None and norm.running_var is not None
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            weights = {key: value for key, value in weights.items() if not key.startswith(f"{name}.norm.")}
            weights[f"{name}.conv.weight"] = module.conv.weight * scale[:, None, None, None]
            weights[f"{name}.conv.bias"] = norm.bias - norm.running_mean * scale
    result = PLVL(model.shape, is_frozen=True)
    result.load_state_dict(weights)
    return result.eval()


@torch.no_grad()
def settle_statistics(model: PLVL, batches: Iterable[tuple[Tensor, Tokens, Tensor]]) -> None:
    """Give every BatchNorm the mean statistics of batches (pixels, tokens, owner): averaged weights need their own."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    model.train()
    for pixels, tokens, owner in batches:
        model(pixels, tokens, owner)
    model.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
