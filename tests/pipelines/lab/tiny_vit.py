"""A ShapesViT of random weights: norms and biases are not at their start, so that nothing is hidden by zeros."""

from __future__ import annotations

import torch

from pipelines.lab.vit import ShapesViT

PICTURES = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def network(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {key: value + 0.02 * torch.randn_like(value) for key, value in ShapesViT().state_dict().items()}


@torch.inference_mode()
def answer(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits on six pictures of noise, (6, classes)."""
    model = ShapesViT().eval()
    model.load_state_dict(weights)
    return model(PICTURES)
