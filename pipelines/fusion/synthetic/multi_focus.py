"""Multi-focus stacks: depth layers, each frame focused on one of them; the all-sharp picture is known."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.fusion.synthetic.sample import FusionSample, stack
from pipelines.fusion.synthetic.scenes import daylight
from pipelines.shared.synthetic.textures import collage, jpeg, random_mask, sensor_noise


def multi_focus(rng: np.random.Generator, size_hw: tuple[int, int], count: int = 2) -> FusionSample:
    """`count` frames (2 or more) of `count` depth layers, nearest first: frame k is sharp on layer k."""
    layers = [collage(rng, size_hw, 2) for _ in range(count - 1)] + [_background(rng, size_hw)]
    mattes = [_matte(rng, size_hw) for _ in range(count - 1)] + [np.ones(size_hw, np.float32)]
    return focus(rng, layers, mattes, float(rng.uniform(1.0, 4.5)))


def focus(rng: np.random.Generator, layers: list[np.ndarray], mattes: list[np.ndarray], radius: float) -> FusionSample:
    """Photograph layers (H, W, 3) with mattes (H, W), nearest first; `radius` px of defocus for a step of one layer."""
    target = _over([_defocus(layer, matte, 0) for layer, matte in zip(layers, mattes, strict=True)])
    noise, compress = float(rng.uniform(0, 0.008)), rng.random() < 0.3
    frames = []
    for sharp in range(len(layers)):
        blurred = [
            _defocus(layer, matte, min(radius * abs(depth - sharp), 7))
            for depth, (layer, matte) in enumerate(zip(layers, mattes, strict=True))
        ]
        frame = _over(blurred) + sensor_noise(rng, target.shape, noise)
        frames.append(jpeg(rng, frame, 80) if compress else frame)
    target = np.clip(target, 0, 1).astype(np.float32)
    return FusionSample(stack(frames), np.full(len(layers), -1), target=target, matte=_shares(mattes))


def disc(radius: float) -> np.ndarray:
    """Kernel of a defocused point: a disc of `radius` px with a soft edge, sum 1."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return kernel / kernel.sum()


def _defocus(layer: np.ndarray, matte: np.ndarray, radius: float) -> np.ndarray:
    """Premultiplied colour and matte (H, W, 4) after defocus: the matte's edge spills with the colour."""
    packed = np.dstack([layer * matte[..., None], matte])
    return packed if radius < 0.5 else cv2.filter2D(packed, -1, disc(radius), borderType=cv2.BORDER_REFLECT)


def _over(layers: list[np.ndarray]) -> np.ndarray:
    """Composite premultiplied layers, nearest first, to (H, W, 3)."""
    picture = layers[-1][..., :3]
    for layer in layers[-2::-1]:
        picture = layer[..., :3] + (1 - layer[..., 3:]) * picture
    return picture


def _shares(mattes: list[np.ndarray]) -> np.ndarray:
    """How much of each layer is seen, (K, H, W), sum 1 over layers."""
    shares, free = [], np.ones_like(mattes[0])
    for matte in mattes[:-1]:
        shares.append(free * matte)
        free = free * (1 - matte)
    return np.stack([*shares, free]).astype(np.float32)


def _background(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    return daylight(rng, size_hw) if rng.random() < 0.35 else collage(rng, size_hw, int(rng.integers(2, 6)))


def _matte(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """One to three joined shapes with an edge 0 to 1.5 px soft (H, W)."""
    matte = random_mask(rng, size_hw, rng.uniform(0.3, 0.6))
    for _ in range(int(rng.integers(0, 3))):
        matte = np.maximum(matte, random_mask(rng, size_hw, rng.uniform(0.1, 0.35)))
    softness = float(rng.uniform(0, 1.5))
    return cv2.GaussianBlur(matte, (0, 0), softness) if softness > 0.3 else matte
