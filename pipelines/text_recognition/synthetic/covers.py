"""What hides letters: bars, leaves, scratches and stickers."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.text_recognition.synthetic.colours import NAMED, shade

ATTEMPTS = 12


def hide(rng: np.random.Generator, canvas: np.ndarray, own: np.ndarray, share: float) -> float:
    """Cover about `share` of the word's ink, in place; gives the share that is covered.

    Args:
        canvas: float32 (H, W, 3), RGB 0..255.
        own: uint8 (H, W), ink of the word.
    """
    cover = np.zeros(own.shape, np.uint8)
    total, hidden = max(int(own.sum()), 1), 0.0
    draw = MAKERS[int(rng.integers(len(MAKERS)))]
    for _ in range(ATTEMPTS):
        trial = cover.copy()
        draw(rng, trial, own)
        hidden_now = float((own.astype(np.float32) * (trial > 0)).sum()) / total
        if hidden_now <= share * 1.2:
            cover, hidden = trial, hidden_now
        if hidden >= share * 0.8:
            break
    named = np.array(list(NAMED.values())[int(rng.integers(len(NAMED)))], np.float32)
    colour = named + rng.normal(0, 20, 3).astype(np.float32)
    light = 1 + 0.15 * rng.standard_normal(own.shape, dtype=np.float32)[..., None]
    soft = cv2.GaussianBlur(cover, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    canvas += soft * (np.clip(shade(colour, 1.0) * light, 0, 255) - canvas)
    return hidden


def _place(rng: np.random.Generator, own: np.ndarray) -> tuple[int, int]:
    """A point on the ink."""
    rows, columns = np.nonzero(own > 127)
    if not rows.size:
        return own.shape[1] // 2, own.shape[0] // 2
    pick = int(rng.integers(rows.size))
    return int(columns[pick]), int(rows[pick])


def _bar(rng: np.random.Generator, cover: np.ndarray, own: np.ndarray) -> None:
    x, y = _place(rng, own)
    angle, reach = (
        rng.choice([rng.normal(0, 0.15), np.pi / 2 + rng.normal(0, 0.2), rng.uniform(0, np.pi)]),
        sum(own.shape),
    )
    dx, dy = int(reach * np.cos(angle)), int(reach * np.sin(angle))
    cv2.line(cover, (x - dx, y - dy), (x + dx, y + dy), 255, int(rng.integers(2, 9)))


def _leaf(rng: np.random.Generator, cover: np.ndarray, own: np.ndarray) -> None:
    for _ in range(3):
        axes = int(rng.integers(3, 11)), int(rng.integers(2, 6))
        cv2.ellipse(cover, _place(rng, own), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)


def _scratch(rng: np.random.Generator, cover: np.ndarray, own: np.ndarray) -> None:
    steps = rng.normal(0, 12, (6, 2)).cumsum(0) + rng.normal(0, 6, 2) * np.arange(6)[:, None]
    points = (np.array(_place(rng, own)) + steps).astype(np.int32)
    cv2.polylines(cover, [points], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA)


def _sticker(rng: np.random.Generator, cover: np.ndarray, own: np.ndarray) -> None:
    size = (float(rng.uniform(6, 22)), float(rng.uniform(6, 22)))
    corners = cv2.boxPoints(((float(_place(rng, own)[0]), float(_place(rng, own)[1])), size, float(rng.uniform(0, 90))))
    cv2.fillConvexPoly(cover, corners.astype(np.int32), 255)


MAKERS = (_bar, _leaf, _scratch, _sticker)
