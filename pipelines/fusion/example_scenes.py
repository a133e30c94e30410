"""Scenes painted for the fusion tab's examples alone: a room with a window, a street at evening, a still life."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.fusion.synthetic.sample import BUILDING, GROUND, SKY
from pipelines.fusion.synthetic.scenes import daylight, finish, street
from pipelines.shared.synthetic.textures import checks, collage, fractal_noise, grain, leaves, lettering


def room(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Linear radiance (H, W, 3): a wall with pictures, a table with books, and a bright window."""
    height, width = size_hw
    room = (0.6 + 0.03 * fractal_noise(rng, size_hw, 60, 0.8))[..., None] * np.array([0.62, 0.5, 0.4], np.float32)
    for left, top, wide, high in ((0.06, 0.12, 0.17, 0.3), (0.27, 0.18, 0.13, 0.2)):
        _hang(room, collage(rng, (int(high * height), int(wide * width)), 6), int(left * width), int(top * height))
    table = int(0.72 * height)
    wood = cv2.resize(grain(rng, (110, width // 2)), (width, height - table), interpolation=cv2.INTER_CUBIC)
    room[table:] = (0.35 + 0.65 * wood)[..., None] * np.array([0.55, 0.33, 0.18], np.float32)
    for index, name in enumerate(("Light and Shade", "On Colour", "Pyramids", "Windows")):
        _book(rng, room, int((0.12 + 0.03 * (index % 2)) * width), table + 30 - 34 * index, name)
    light = np.exp2(_room_light(size_hw) - 5)[..., None]
    radiance = room ** np.float32(1.5) * light
    return _with_window(rng, radiance, size_hw)


def _room_light(size_hw: tuple[int, int]) -> np.ndarray:
    """Stops of light in the room (H, W): strong by the window, with its bright patch on the table."""
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32) / size_hw[0]
    near = 3.2 / (1 + ((x - 0.95) ** 2 + (y - 0.45) ** 2) * 3.5)
    patch = np.zeros(size_hw, np.float32)
    corners = np.array([(0.62, 0.78), (0.98, 0.78), (0.86, 0.97), (0.42, 0.97)]) * size_hw[0]
    cv2.fillPoly(patch, [corners.astype(np.int32)], 1.0)
    return near + 2.2 * cv2.GaussianBlur(patch, (0, 0), 4)


def _with_window(rng: np.random.Generator, radiance: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Put a window with four panes onto a bright street into the room."""
    height, width = size_hw
    left, top, right, bottom = int(0.52 * width), int(0.08 * height), int(0.93 * width), int(0.66 * height)
    outside = daylight(rng, (bottom - top, right - left)) ** np.float32(1.8) * 1.6
    frame = np.array([0.5, 0.48, 0.44], np.float32) * 0.16
    radiance[top - 16 : bottom + 16, left - 16 : right + 16] = frame
    radiance[bottom + 16 : bottom + 30, left - 30 : right + 30] = frame * 3
    radiance[top:bottom, left:right] = outside
    bar_x, bar_y = (left + right) // 2, (top + bottom) // 2
    radiance[top:bottom, bar_x - 7 : bar_x + 7] = frame
    radiance[bar_y - 7 : bar_y + 7, left:right] = frame
    return radiance.astype(np.float32)


def _hang(room: np.ndarray, picture: np.ndarray, left: int, top: int, border: int = 12) -> None:
    """Hang a picture (h, w, 3) on the wall, in a dark frame with a pale inner edge."""
    height, width = picture.shape[:2]
    room[top - border : top + height + border, left - border : left + width + border] = 0.06
    room[top - 4 : top + height + 4, left - 4 : left + width + 4] = 0.8
    room[top : top + height, left : left + width] = picture


def _book(rng: np.random.Generator, room: np.ndarray, left: int, top: int, name: str) -> None:
    """Lay a closed book, spine to the front, with its name on it."""
    wide, high = int(rng.integers(230, 300)), 34
    title = np.zeros((high, wide), np.uint8)
    cv2.putText(title, name, (24, 24), cv2.FONT_HERSHEY_DUPLEX, 0.62, 255, 1, cv2.LINE_AA)
    spine = np.full((high, wide, 3), rng.uniform(0.1, 0.6, 3), np.float32)
    spine[:3] *= 1.5
    spine[-3:] *= 0.4
    ink = (title / np.float32(255))[..., None]
    room[top : top + high, left : left + wide] = spine + ink * (np.array([0.9, 0.85, 0.6], np.float32) - spine)


def evening(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Linear radiance (H, W, 3): a street in shadow before a bright sky with the sun low in it."""
    canvas = street(rng, size_hw, people=2)
    albedo, _ = finish(rng, canvas)
    shade = np.full(size_hw, -4.5, np.float32)
    shade[canvas.labels == SKY] = 0.0
    shade[canvas.labels == BUILDING] = -3.6
    shade[canvas.labels == GROUND] = -3.8
    stops = cv2.GaussianBlur(shade, (0, 0), 0.8) + 0.4 * fractal_noise(rng, size_hw, 3, 0.5)
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32) / size_hw[0]
    far = np.sqrt((x - 0.62) ** 2 + (y - 0.3) ** 2)
    glow = (3.5 / (1 + (far / 0.12) ** 2))[..., None] * np.array([1.1, 0.8, 0.45], np.float32)
    warm = np.array([1.15, 0.92, 0.75], np.float32)
    sky = (canvas.labels == SKY)[..., None]
    lit = albedo ** np.float32(1.7) * np.exp2(stops)[..., None] * np.where(sky, warm, 1)
    return (lit + glow * np.where(sky, 1.0, 0.02) + 0.0005).astype(np.float32)


def still_life(rng: np.random.Generator, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A shaded chequered ball, a page of print and a hedge in the foreground: colour (H, W, 3) and matte (H, W)."""
    height, width = size_hw
    picture = leaves(rng, size_hw)[..., None] * np.array([0.25, 0.5, 0.16], np.float32)
    edge = height * (0.86 + 0.02 * fractal_noise(rng, (1, width), 1, 0.7)[0])
    matte = (np.arange(height)[:, None] > edge).astype(np.float32)
    page = cv2.resize(lettering(rng, (height // 2, width // 2)), (width, height), interpolation=cv2.INTER_CUBIC)
    corners = np.array([(0.5, 0.62), (0.88, 0.56), (0.96, 0.92), (0.55, 0.98)]) * (width, height)
    _lay(picture, matte, page[..., None] * np.array([1, 0.96, 0.86], np.float32), corners)
    _ball(rng, picture, matte, (0.27 * width, 0.66 * height), 0.26 * height)
    return np.clip(picture, 0, 1).astype(np.float32), matte


def _lay(picture: np.ndarray, matte: np.ndarray, texture: np.ndarray, corners: np.ndarray) -> None:
    """Put a texture into the picture where the polygon of corners (N, 2) px is."""
    mask = np.zeros(matte.shape, np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    picture[mask > 0] = texture[mask > 0]
    matte[mask > 0] = 1


def _ball(
    rng: np.random.Generator, picture: np.ndarray, matte: np.ndarray, centre: tuple[float, float], radius: float
) -> None:
    """Put a lit ball with a chequered skin into the picture; centre (x, y) and radius in px."""
    y, x = np.mgrid[0 : matte.shape[0], 0 : matte.shape[1]].astype(np.float32)
    across, down = (x - centre[0]) / radius, (y - centre[1]) / radius
    height = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
    angle, rise = np.arctan2(across, height + 1e-6), np.arcsin(np.clip(down, -1, 1))
    squares = (np.floor(angle * 4) + np.floor(rise * 4)) % 2
    fine = checks(rng, matte.shape)
    skin = np.where(squares[..., None] > 0, np.array([0.85, 0.2, 0.15]), np.array([0.95, 0.9, 0.75]))
    light = np.clip(0.25 + 0.8 * (-0.45 * across - 0.5 * down + 0.74 * height), 0.1, 1.1)
    inside = across**2 + down**2 < 1
    picture[inside] = (skin * (light * (0.85 + 0.2 * fine))[..., None])[inside]
    matte[inside] = 1
