"""What the segmentation branch names in each frame alone, and where that differs from what it names in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

ALONE = ("thermal", "visible")
AGREE = 255  # no difference here


def to_labels(logits: Tensor, size_hw: tuple[int, ...]) -> np.ndarray:
    """(1, 7, h/4, w/4) -> class per pixel, (H, W) uint8; what was padded is cut off."""
    import torch
    from torch.nn import functional as F

    enlarged = F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
    return enlarged.argmax(1)[0, : size_hw[0], : size_hw[1]].to(torch.uint8).cpu().numpy()


def labels_alone(model: Any, luma: np.ndarray) -> dict[str, np.ndarray]:
    """Labels (H, W) uint8 of each frame alone: it takes the place of the other one and of their composite.

    Args:
        model: a FuseNet.
        luma: thermal and visible, (2, H, W), 0 to 1.
    """
    import torch

    from pipelines.fusion.fusenet import pad_to_stride

    with torch.inference_mode():
        device = next(model.parameters()).device
        pair = pad_to_stride(torch.from_numpy(np.ascontiguousarray(luma, np.float32))[None].to(device))
        pixels = {name: pair[:, k : k + 1].expand(-1, 3, -1, -1) for k, name in enumerate(ALONE)}
        return {name: to_labels(model.segmentation(three), luma.shape[1:]) for name, three in pixels.items()}


def differences(both: np.ndarray, alone: Mapping[str, np.ndarray]) -> np.ndarray:
    """(H, W) uint8: 0 where only the thermal frame alone gets another label than both together, 1 where only the
    visible one does, 2 where either does, AGREE elsewhere."""
    thermal, visible = (alone[name] != both for name in ALONE)
    return np.select([thermal & visible, thermal, visible], [2, 0, 1], AGREE).astype(np.uint8)
