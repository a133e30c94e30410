"""Street scenes with class labels, painted twice: as the eye sees them (albedo) and as a thermal camera does (heat)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.fusion.synthetic.sample import BUILDING, GROUND, OTHER, PERSON, SKY, VEGETATION, VEHICLE
from pipelines.shared.synthetic.textures import WORDS, fractal_noise

LARGE_PX = 200  # short side from which a picture is looked at rather than learnt from

# Share of relief (brightness texture) of each class, in CLASSES order: seen, and felt by a thermal camera.
_RELIEF = np.array([0.05, 0.16, 0.42, 0.14, 0.06, 0.1, 0.15], np.float32)
_WARMTH = np.array([0.02, 0.05, 0.12, 0.05, 0.04, 0.05, 0.06], np.float32)


@dataclass
class Canvas:
    """Three pictures painted by the same strokes. Positions are in scene units: the scene is 1 high, x starts at 0.

    albedo (H, W, 3) uint8 RGB, heat (H, W) uint8, depth (H, W) uint8 (0 near, 255 sky), labels (H, W) uint8.
    """

    albedo: np.ndarray
    heat: np.ndarray
    depth: np.ndarray
    labels: np.ndarray
    scale: float
    origin: tuple[float, float]
    lamps: list[tuple[float, float, float]]

    @property
    def is_large(self) -> bool:
        """Whether there is room for leaves, hair and shoes; training crops are below this."""
        return min(self.heat.shape) > LARGE_PX

    @classmethod
    def blank(cls, size_hw: tuple[int, int], scale: float, origin: tuple[float, float]) -> Canvas:
        """All sky; `scale` is pixels per scene unit and `origin` the scene position of the top left pixel (x, y)."""
        heat, labels = np.zeros(size_hw, np.uint8), np.zeros(size_hw, np.uint8)
        depth = np.full(size_hw, 255, np.uint8)
        return cls(np.zeros((*size_hw, 3), np.uint8), heat, depth, labels, scale, origin, [])

    def polygon(self, points: np.ndarray, label: int, colour: np.ndarray, heat: float, depth: float) -> None:
        """Fill scene points (N, 2) with one colour 0..1, heat 0..1 and depth 0..1."""
        at = [((np.asarray(points) - self.origin) * self.scale).round().astype(np.int32)]
        cv2.fillPoly(self.albedo, at, _bytes(colour), cv2.LINE_AA)
        cv2.fillPoly(self.heat, at, heat * 255, cv2.LINE_AA)
        cv2.fillPoly(self.depth, at, depth * 255)
        cv2.fillPoly(self.labels, at, label)

    def box(
        self, x: float, y: float, wide: float, high: float, label: int, colour: np.ndarray, heat: float, depth: float
    ) -> None:
        """Fill the rectangle with top left corner (x, y)."""
        corners = np.array([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)])
        self.polygon(corners, label, colour, heat, depth)

    def blob(
        self, x: float, y: float, radius: float, label: int, colour: np.ndarray, heat: float, depth: float
    ) -> None:
        """Fill a circle."""
        at, size = self._pixel(x, y), max(int(radius * self.scale), 1)
        cv2.circle(self.albedo, at, size, _bytes(colour), -1, cv2.LINE_AA)
        cv2.circle(self.heat, at, size, heat * 255, -1, cv2.LINE_AA)
        cv2.circle(self.depth, at, size, depth * 255, -1)
        cv2.circle(self.labels, at, size, label, -1)

    def limb(
        self,
        start: np.ndarray,
        end: np.ndarray,
        width: float,
        label: int,
        colour: np.ndarray,
        heat: float,
        depth: float,
    ) -> None:
        """Draw a capsule."""
        a, b, size = self._pixel(*start), self._pixel(*end), max(round(width * self.scale), 1)
        cv2.line(self.albedo, a, b, _bytes(colour), size, cv2.LINE_AA)
        cv2.line(self.heat, a, b, heat * 255, size, cv2.LINE_AA)
        cv2.line(self.depth, a, b, depth * 255, size)
        cv2.line(self.labels, a, b, label, size)

    def text(self, words: str, x: float, y: float, high: float, colour: np.ndarray) -> None:
        """Print words in the albedo only: paint has the temperature of what it is on."""
        size = high * self.scale / 22
        cv2.putText(
            self.albedo,
            words,
            self._pixel(x, y),
            cv2.FONT_HERSHEY_SIMPLEX,
            size,
            _bytes(colour),
            max(int(size * 2), 1),
            cv2.LINE_AA,
        )

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        return int((x - self.origin[0]) * self.scale), int((y - self.origin[1]) * self.scale)


def street(
    rng: np.random.Generator, size_hw: tuple[int, int], zoom: float | None = None, people: int | None = None
) -> Canvas:
    """Paint a random street; `zoom` 1 shows all of it, `people` None leaves their number (0 to 4) to chance."""
    zoom = zoom or (float(rng.uniform(1, 2.6)) if min(size_hw) <= 200 else 1.0)
    wide = size_hw[1] / size_hw[0]
    origin = (float(rng.uniform(0, wide - wide / zoom)), float(rng.uniform(0.15, 0.95) * (1 - 1 / zoom)))
    canvas = Canvas.blank(size_hw, size_hw[0] * zoom, origin)
    horizon = float(rng.uniform(0.35, 0.55))
    _sky(rng, canvas)
    _buildings(rng, canvas, wide, horizon)
    _ground(rng, canvas, wide, horizon)
    for paint, drop in _plan(rng, canvas, people):
        paint(rng, canvas, wide, horizon, horizon + drop)
    return canvas


def _plan(rng: np.random.Generator, canvas: Canvas, people: int | None) -> list[tuple[Painter, float]]:
    """Which things stand in the street and how far below the horizon their feet are; large pictures: far ones first."""
    counts = (
        rng.integers(1, 5),
        rng.integers(1, 4),
        rng.integers(1, 4),
        rng.integers(0, 5) if people is None else people,
    )
    plan = [
        (paint, float(rng.uniform(*span)))
        for (paint, span), count in zip(_THINGS, counts, strict=True)
        for _ in range(int(count))
    ]
    return sorted(plan, key=lambda thing: thing[1]) if canvas.is_large else plan


def finish(rng: np.random.Generator, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Albedo (H, W, 3) and heat (H, W), float32 0..1, with the texture of each class added."""
    size_hw = canvas.heat.shape
    noise = fractal_noise(rng, size_hw, max(min(size_hw) // (8 if canvas.is_large else 24), 3), 0.85)
    noise *= np.float32(0.75 if canvas.is_large else 1)
    slow = fractal_noise(rng, size_hw, 3, 0.6)
    cloud = 1 + (canvas.labels == SKY) * np.clip(0.25 * slow, -0.2, 0.4)
    relief = np.clip(1 + _RELIEF[canvas.labels] * noise, 0.15, 1.9) * cloud
    albedo = canvas.albedo.astype(np.float32) / 255 * relief[..., None]
    heat = canvas.heat.astype(np.float32) / 255 * (1 + _WARMTH[canvas.labels] * (0.6 * noise + slow))
    return np.clip(albedo, 0, 1), np.clip(heat, 0, 1)


def daylight(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """A street by day in colour (H, W, 3), 0..1."""
    albedo, _ = finish(rng, street(rng, size_hw))
    return np.clip(albedo * np.float32(rng.uniform(0.8, 1.15)), 0, 1)


def _bytes(colour: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in np.clip(np.asarray(colour) * 255, 0, 255))


def _sky(rng: np.random.Generator, canvas: Canvas) -> None:
    top, low = np.array([0.35, 0.55, 0.85]) * rng.uniform(0.7, 1.1), np.array([0.8, 0.85, 0.9]) * rng.uniform(0.8, 1.05)
    rows = np.arange(canvas.heat.shape[0]) / canvas.scale + canvas.origin[1]
    share = np.clip(rows / 0.5, 0, 1)[:, None]
    canvas.albedo[:] = np.clip((top * (1 - share) + low * share) * 255, 0, 255).astype(np.uint8)[:, None]
    canvas.heat[:] = (255 * (rng.uniform(0.02, 0.1) + 0.1 * share)).astype(np.uint8)


def _ground(rng: np.random.Generator, canvas: Canvas, wide: float, horizon: float) -> None:
    """Verge, road in perspective, lane marks and paving lines."""
    verge = np.array([0.32, 0.42, 0.2]) if rng.random() < 0.5 else np.array([0.5, 0.47, 0.42])
    heat = rng.uniform(0.25, 0.45)
    bands = 10
    for band in range(bands):  # depth falls towards the viewer
        y = horizon + (1.02 - horizon) * band / bands
        canvas.box(
            -0.1,
            y,
            wide + 0.2,
            1.1 - y,
            GROUND,
            verge * (0.9 + 0.02 * band),
            heat - 0.04,
            0.8 * (1 - band / bands) ** 2,
        )
    vanish, left, right = rng.uniform(0.25, 0.75) * wide, rng.uniform(-0.4, 0.25) * wide, rng.uniform(0.7, 1.4) * wide
    asphalt = np.full(3, rng.uniform(0.22, 0.4))
    for band in range(bands):
        near, far = 1.05, horizon + (1.02 - horizon) * band / bands
        t, u = (far - horizon) / (1.05 - horizon), (near - horizon) / (1.05 - horizon)
        corners = [
            (vanish + (left - vanish) * t, far),
            (vanish + (right - vanish) * t, far),
            (vanish + (right - vanish) * u, near),
            (vanish + (left - vanish) * u, near),
        ]
        canvas.polygon(np.array(corners), GROUND, asphalt, heat + 0.05, 0.8 * (1 - band / bands) ** 2)
    for lane in (0.02, 0.5, 0.98):
        for start in np.linspace(0, 0.9, 8) ** 1.5:
            stop = start + (0.02 + 0.08 * start) if lane == 0.5 else start + 0.2
            x0, x1 = (vanish + (left + (right - left) * lane - vanish) * s for s in (start, stop))
            y0, y1 = (horizon + (1.05 - horizon) * s for s in (start, stop))
            half = 0.012 * (0.1 + start) * 1.4
            canvas.polygon(
                np.array([(x0 - half, y0), (x0 + half, y0), (x1 + 1.3 * half, y1), (x1 - 1.3 * half, y1)]),
                GROUND,
                np.full(3, 0.85),
                heat + 0.02,
                0.5 * (1 - start),
            )


def _buildings(rng: np.random.Generator, canvas: Canvas, wide: float, horizon: float) -> None:
    x = rng.uniform(-0.2, 0.1)
    while x < wide:
        across, high = rng.uniform(0.15, 0.5), rng.uniform(0.1, 0.9) * horizon
        if rng.random() < 0.8:
            _building(rng, canvas, x, horizon - high, across, high + 0.03)
        x += across + rng.uniform(0, 0.12)


def _building(rng: np.random.Generator, canvas: Canvas, x: float, y: float, wide: float, high: float) -> None:
    wall, warm, depth = rng.uniform(0.3, 0.75, 3) * (1, 0.92, 0.85), rng.uniform(0.3, 0.55), rng.uniform(0.4, 0.75)
    canvas.box(x, y, wide, high, BUILDING, wall, warm, depth)
    canvas.box(x, y, wide, 0.012, BUILDING, wall * 0.6, warm + 0.05, depth)
    step, glass = rng.uniform(0.035, 0.07), rng.uniform(0.08, 0.3) * np.array([0.8, 0.95, 1.1])
    for column in range(int(wide / step)):
        for row in range(int((high - 0.03) / step)):
            at = (x + (column + 0.25) * step, y + (row + 0.35) * step)
            is_lit = rng.random() < 0.2
            canvas.box(
                *at,
                step * 0.5,
                step * 0.6,
                BUILDING,
                np.array([0.95, 0.85, 0.55]) if is_lit else glass,
                warm - 0.15 + 0.12 * is_lit,
                depth,
            )
            if is_lit:
                canvas.lamps.append((at[0] + step * 0.25, at[1] + step * 0.3, 0.02))
    if rng.random() < 0.5:
        canvas.text(str(rng.choice(WORDS)), x + 0.02, y + high - 0.02, 0.03, np.array([0.95, 0.9, 0.3]))


def _tree(rng: np.random.Generator, canvas: Canvas, wide: float, horizon: float, foot: float) -> None:
    x = rng.uniform(0, wide)
    size = 0.1 + 0.7 * (foot - horizon) + rng.uniform(0, 0.12)
    depth, heat, green = 0.6 * (1 - (foot - horizon) * 2), rng.uniform(0.22, 0.36), rng.uniform(0.7, 1.2)
    canvas.limb(
        np.array([x, foot]),
        np.array([x, foot - 1.6 * size]),
        0.13 * size,
        VEGETATION,
        np.array([0.25, 0.18, 0.12]),
        heat + 0.06,
        depth,
    )
    leaves, leaf = (140, 0.5) if canvas.is_large else (22, 1.0)
    for _ in range(leaves):
        angle, far = rng.uniform(0, 2 * np.pi), size * 0.75 * np.sqrt(rng.random())
        at = (x + far * np.cos(angle), foot - 1.9 * size + 0.9 * far * np.sin(angle))
        light = green * (0.75 - 0.45 * np.sin(angle) * far / size) * rng.uniform(0.75, 1.15)
        canvas.blob(
            *at,
            leaf * size * rng.uniform(0.12, 0.33),
            VEGETATION,
            np.array([0.22, 0.4, 0.12]) * light,
            heat + rng.uniform(-0.03, 0.03),
            depth,
        )


def _post(rng: np.random.Generator, canvas: Canvas, wide: float, horizon: float, foot: float) -> None:
    """A street lamp, a sign or a box: class other."""
    x, kind = rng.uniform(0, wide), int(rng.integers(3))
    size, heat, depth = 0.1 + 0.8 * (foot - horizon), rng.uniform(0.15, 0.4), 0.5 * (1 - (foot - horizon) * 2)
    if kind == 2:
        canvas.box(x, foot - 0.5 * size, 0.5 * size, 0.5 * size, OTHER, rng.uniform(0.1, 0.9, 3), heat, depth)
        return canvas.text(str(rng.choice(WORDS)), x + 0.03 * size, foot - 0.2 * size, 0.12 * size, np.ones(3))
    canvas.limb(np.array([x, foot]), np.array([x, foot - 1.8 * size]), 0.05 * size, OTHER, np.full(3, 0.3), heat, depth)
    if kind == 0:
        canvas.box(
            x - 0.02 * size,
            foot - 1.85 * size,
            0.3 * size,
            0.07 * size,
            OTHER,
            np.array([1, 0.95, 0.8]),
            heat + 0.35,
            depth,
        )
        canvas.lamps.append((x + 0.13 * size, foot - 1.8 * size, 0.28 * size + 0.05))
        return None
    canvas.blob(x, foot - 1.75 * size, 0.24 * size, OTHER, np.array([0.8, 0.1, 0.1]), heat, depth)
    canvas.blob(x, foot - 1.75 * size, 0.18 * size, OTHER, np.full(3, 0.92), heat, depth)
    return canvas.text(str(rng.integers(2, 9) * 10), x - 0.13 * size, foot - 1.68 * size, 0.2 * size, np.full(3, 0.05))


def _vehicle(rng: np.random.Generator, canvas: Canvas, wide: float, horizon: float, foot: float) -> None:
    """Box, cabin, wheels and lights; a parked one is cold and a running one has a hot bonnet and tyres."""
    x = rng.uniform(-0.1, wide)
    size, depth = 0.08 + 0.75 * (foot - horizon), 0.45 * (1 - (foot - horizon) * 2)
    paint, is_running = rng.uniform(0.05, 0.9, 3), rng.random() < 0.6
    body = rng.uniform(0.2, 0.4) + 0.12 * is_running
    cabin = np.array([(0.25, -0.5), (0.42, -0.85), (1.1, -0.85), (1.35, -0.5)]) * size + (x, foot)
    canvas.polygon(cabin, VEHICLE, paint * 0.9, body, depth)
    canvas.polygon(
        cabin * 0.8 + (np.array([x + 0.8 * size, foot - 0.66 * size])) * 0.2,
        VEHICLE,
        np.array([0.1, 0.13, 0.16]),
        body - 0.12,
        depth,
    )
    canvas.box(x, foot - 0.52 * size, 1.7 * size, 0.38 * size, VEHICLE, paint, body, depth)
    canvas.box(
        x + 1.25 * size,
        foot - 0.5 * size,
        0.42 * size,
        0.2 * size,
        VEHICLE,
        paint * 1.05,
        body + 0.4 * is_running,
        depth,
    )
    for wheel in (0.35, 1.35):
        canvas.blob(
            x + wheel * size, foot - 0.14 * size, 0.17 * size, VEHICLE, np.full(3, 0.07), body + 0.3 * is_running, depth
        )
        canvas.blob(
            x + wheel * size, foot - 0.14 * size, 0.08 * size, VEHICLE, np.full(3, 0.6), body + 0.15 * is_running, depth
        )
    canvas.box(
        x + 1.63 * size,
        foot - 0.42 * size,
        0.08 * size,
        0.1 * size,
        VEHICLE,
        np.array([1, 0.95, 0.8]),
        body + 0.2 * is_running,
        depth,
    )
    canvas.box(
        x - 0.01 * size, foot - 0.42 * size, 0.06 * size, 0.1 * size, VEHICLE, np.array([0.8, 0.05, 0.05]), body, depth
    )
    if is_running:
        canvas.lamps.append((x + 1.68 * size, foot - 0.37 * size, 0.2 * size))


def _person(rng: np.random.Generator, canvas: Canvas, wide: float, horizon: float, foot: float) -> None:
    """Capsule limbs in a random walking pose; warmer than everything but engines."""
    x = rng.uniform(0.08, 0.92) * wide
    size, depth = 0.16 + 0.8 * (foot - horizon), 0.4 * (1 - (foot - horizon) * 2)
    heat, coat, legs = rng.uniform(0.68, 0.88), rng.uniform(0.03, 0.6, 3), rng.uniform(0.03, 0.35, 3)
    hip, neck = np.array([x, foot - 0.47 * size]), np.array([x + rng.uniform(-0.03, 0.03) * size, foot - 0.82 * size])
    for side in (-1, 1):
        knee = np.add(hip, (side * rng.uniform(0.01, 0.1) * size, 0.24 * size))
        ankle = np.add(knee, (side * rng.uniform(-0.06, 0.08) * size, 0.22 * size))
        canvas.limb(hip, knee, 0.1 * size, PERSON, legs, heat - 0.06, depth)
        canvas.limb(knee, ankle, 0.075 * size, PERSON, legs, heat - 0.1, depth)
        elbow = np.add(neck, (side * rng.uniform(0.06, 0.14) * size, 0.17 * size))
        canvas.limb(np.add(neck, (0, 0.03 * size)), elbow, 0.07 * size, PERSON, coat * 0.9, heat - 0.05, depth)
        canvas.limb(
            elbow,
            np.add(elbow, (side * rng.uniform(-0.08, 0.08) * size, 0.14 * size)),
            0.055 * size,
            PERSON,
            coat * 0.9,
            heat - 0.02,
            depth,
        )
    canvas.limb(hip, np.add(neck, (0, 0.04 * size)), 0.17 * size, PERSON, coat, heat, depth)
    canvas.blob(
        neck[0],
        neck[1] - 0.09 * size,
        0.075 * size,
        PERSON,
        np.array([0.75, 0.55, 0.45]) * rng.uniform(0.4, 1.1),
        heat + 0.1,
        depth,
    )
    if canvas.is_large:
        canvas.blob(neck[0], neck[1] - 0.125 * size, 0.055 * size, PERSON, coat * 0.3, heat - 0.05, depth)


Painter = Callable[[np.random.Generator, Canvas, float, float, float], None]
_THINGS: tuple[tuple[Painter, tuple[float, float]], ...] = (  # painter, and how far below the horizon things stand
    (_tree, (0.0, 0.25)),
    (_post, (0.05, 0.4)),
    (_vehicle, (0.06, 0.45)),
    (_person, (0.08, 0.5)),
)
