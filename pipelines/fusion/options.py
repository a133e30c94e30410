"""Everything of the fusion tab that is not the merge: a value that goes into recipes and links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipelines.shared.errors import UserError
from pipelines.shared.tones import WINDOW


@dataclass(frozen=True)
class FusionTask:
    """One of the four tasks: its expert, its title, how many frames it takes and what they are.

    `adds_detail`: whether the network's residual joins. What is sharp in a focus stack is in one of its frames: there
    the residual took 0.0004 of the SSIM with the sharp scene and 0.008 of Qabf on generated stacks.
    """

    name: str
    title: str
    slots: tuple[str, ...]
    most_frames: int
    roles: tuple[int, ...] = ()  # of a pair of modalities; empty: frames of one camera
    fewest_frames: int = 2
    adds_detail: bool = True


TASKS = {
    task.name: task
    for task in (
        FusionTask("ivis", "Infrared and visible", ("thermal", "visible"), 2, (0, 1)),
        FusionTask("mef", "Multi-exposure", ("exposure",), 6, fewest_frames=1),
        FusionTask("mff", "Multi-focus", ("focus frame",), 3, adds_detail=False),
        FusionTask("med", "Medical", ("MRI", "CT, PET or SPECT"), 2, (0, 1)),
    )
}
ENGINES = ("net", "lut", "average", "max", "laplacian", "gff", "mertens")
OPERATORS = ("pyramid", "paper", "fast")
TABLE_KINDS = ("pyramid", "paper")
TABLE_ENTRIES = 256
TABLE_KNOTS = (0, 64, 128, 191, 255)  # grey levels at which a table can be bent by hand
FITS = ("ask", "crop", "register")
FRAME_SIZES = ("smallest", "visible")
POLARITIES = ("white", "black", "auto")
PALETTES = ("iron", "glow", "rainbow", "gnuplot", "inferno", "magma", "plasma", "viridis", "turbo", "jet", "hot")
PALETTE_CHOICES = ("auto", "luma", *PALETTES)
OF_FRAMES = ("task", "fit", "frame_size", "palette", "window")  # what decides the frames, before they are fused


@dataclass(frozen=True)
class FusionOptions:
    """Settings of one fusion.

    Attributes:
        task: a name of TASKS.
        engine: "net" (the mixed network), "lut" (tables, exposures only) or a classical baseline.
        operator, table_kind, tables: of the table engine; `tables` (K rows of 256) replaces the trained ones.
        detail: factor of the detail layer of the result, 0 to 2.
        residual: factor of the network's added detail, 0 to 1.5, for tasks that have it.
        saturation: 0 to 1.5.
        gains: EV per frame on its weight, -2 to 2; empty means 0 for all.
        deghost: reject pixels that moved against the reference exposure.
        polarity: "white" if hot is bright in the thermal frame, "black" if hot is dark, "auto" to guess.
        max_pixels: what the network sees; the picture keeps its size.
        table_points: per frame the weights, 0 to 1, that its table is bent to at TABLE_KNOTS; an empty row leaves it.
        fit: frames of unlike shape are refused ("ask"), cropped about the centre ("crop"), or laid where their edges
            agree ("register"); they are never stretched.
        frame_size: "smallest" reduces all frames to the smallest; "visible" enlarges the thermal frame to the visible.
        palette: of a thermal frame in false colour: "auto" recognises it, "luma" takes the brightness, or a name.
        window: percentiles of a deep grey picture (thermal counts, CT) that become black and white, 0 to 100.
    """

    task: str = "ivis"
    engine: str = "net"
    operator: str = "pyramid"
    detail: float = 1.0
    residual: float = 1.0
    saturation: float = 1.0
    gains: tuple[float, ...] = ()
    deghost: bool = False
    polarity: str = "white"
    max_pixels: int = 300_000
    tables: tuple[tuple[float, ...], ...] = ()
    table_kind: str = "pyramid"
    table_points: tuple[tuple[float, ...], ...] = ()
    fit: str = "ask"
    frame_size: str = "smallest"
    palette: str = "auto"
    window: tuple[float, float] = WINDOW

    def __post_init__(self) -> None:
        _one_of("task", self.task, tuple(TASKS))
        _one_of("engine", self.engine, ENGINES)
        _one_of("operator", self.operator, OPERATORS)
        _one_of("polarity", self.polarity, POLARITIES)
        _one_of("table_kind", self.table_kind, TABLE_KINDS)
        _one_of("fit", self.fit, FITS)
        _one_of("frame_size", self.frame_size, FRAME_SIZES)
        _one_of("palette", self.palette, PALETTE_CHOICES)
        check_window(self.window)
        for name, low, high in (("detail", 0, 2), ("residual", 0, 1.5), ("saturation", 0, 1.5)):
            _within(name, getattr(self, name), low, high)
        for gain in listed("gains", self.gains, "one EV per frame"):
            _within("gains", gain, -2, 2)
        _within("max_pixels", self.max_pixels, 1024, 4_000_000)
        check_flag("deghost", self.deghost)
        _check_tables(self.tables)
        _check_table_points(self.table_points)
        if self.engine == "lut" and self.task != "mef":
            raise UserError(f"The table engine fuses exposures only; the task is {self.task!r}. Choose engine 'net'.")

    def for_frames(self) -> FusionOptions:
        """Only what decides the frames, all else at its default: equal for settings that share their frames."""
        return FusionOptions(**{name: getattr(self, name) for name in OF_FRAMES})

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; only what differs from the default."""
        default = FusionOptions()
        return {key: value for key, value in asdict(self).items() if value != getattr(default, key)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FusionOptions:
        """Inverse of `to_dict`. Raises UserError on unknown names."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(str(key) for key in set(values) - known):
            raise UserError(f"Unknown fusion options {unknown}; known are {sorted(known)}.")
        frozen = {key: _frozen(value) for key, value in values.items()}
        return cls(**frozen)


def check_window(window: Sequence[float]) -> None:
    """Raises UserError unless it is two percentiles, the first below the second."""
    is_pair = isinstance(window, tuple | list) and [is_number(value) for value in window] == [True] * 2
    if not is_pair or not 0 <= window[0] < window[1] <= 100:
        raise UserError(f"window is {window!r}; give two percentiles from 0 to 100, the lower one first.")


def check_flag(name: str, value: Any) -> None:
    """Raises UserError unless it is true or false: a text such as "no" would count as true."""
    if not isinstance(value, bool):
        raise UserError(f"{name} is {value!r}; write true or false, without quotes.")


def listed(name: str, value: Any, what: str) -> Sequence[Any]:
    """The value, if it is a list. Raises UserError that says of what."""
    if not isinstance(value, tuple | list):
        raise UserError(f"{name} is {value!r}; give a list: {what}.")
    return value


def is_number(value: Any) -> bool:
    """An int or a float, finite and of a size that means something; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _check_tables(tables: Any) -> None:
    for row in listed("tables", tables, "one table per frame"):
        if not isinstance(row, tuple | list) or len(row) != TABLE_ENTRIES or not all(map(is_number, row)):
            came = f"has {len(row)} entries" if isinstance(row, tuple | list) else f"is {row!r}"
            raise UserError(f"A row of tables is a list of {TABLE_ENTRIES} numbers; this one {came}.")


def _check_table_points(points: Any) -> None:
    for row in listed("table_points", points, "one row per frame"):
        if not isinstance(row, tuple | list) or len(row) not in (0, len(TABLE_KNOTS)):
            raise UserError(f"A row of table_points has {len(TABLE_KNOTS)} weights or none; it is {row!r}.")
        for weight in row:
            _within("table_points", weight, 0, 1)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{name} is {value!r}; known are {', '.join(known)}.")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not is_number(value) or not low <= value <= high:
        raise UserError(f"{name} is {value!r}; it goes from {low} to {high}.")
