"""Masks of boxes with SAM or SAM 2.1, as logits over the picture, so that a threshold can be moved without them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.grounding.full.families import Segmenter
from pipelines.grounding.full.resizing import Fitted, letterbox, stretch

MASK_SIDE = 384  # of stored logits, the long side


def mask_logits(model: Any, segmenter: Segmenter, picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Logits of the mask in each box.

    Args:
        picture: (H, W, 3) uint8.
        boxes: (n, 4) x0, y0, x1, y1 in shares of the picture.

    Returns:
        (n, h, w) float16 over the whole picture, with its proportions.
    """
    import torch

    height, width = picture.shape[:2]
    if not len(boxes):
        return np.empty((0, *small_hw(height, width)), np.float16)
    side = model.config.prompt_encoder_config.image_size
    fitted = (stretch if segmenter.fit == "stretch" else letterbox)(picture, side if isinstance(side, int) else side[0])
    scale = np.array([width, height, width, height]) * (fitted.scale_xy * 2)
    parameter = next(model.parameters())
    with torch.inference_mode():
        output = model(
            pixel_values=torch.from_numpy(fitted.pixels)[None].to(parameter.device, parameter.dtype),
            input_boxes=torch.from_numpy(boxes * scale)[None].to(parameter.device, parameter.dtype),
            multimask_output=False,
        )
    logits = output.pred_masks[0, :, 0].float().cpu()
    return over_picture(logits, fitted, height, width)


def over_picture(logits: Any, fitted: Fitted, height: int, width: int) -> np.ndarray:
    """Logits (n, m, m) of the network's square as (n, h, w) float16 over the picture."""
    import torch
    from torch.nn import functional as F

    whole = F.interpolate(logits[:, None], fitted.pixels.shape[1:], mode="bilinear", align_corners=False)
    used = whole[..., : fitted.used_hw[0], : fitted.used_hw[1]]
    small = F.interpolate(used, small_hw(height, width), mode="bilinear", align_corners=False, antialias=True)
    return small[:, 0].clamp(-60, 60).to(torch.float16).numpy()


def small_hw(height: int, width: int) -> tuple[int, int]:
    """Size at which logits are kept: the picture's, or less."""
    scale = min(1.0, MASK_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
