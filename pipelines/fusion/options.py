"""Everything of the fusion tab that is not the merge: a value that goes into recipes and links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipelines.shared.errors import UserError


@dataclass(frozen=True)
class FusionTask:
    """One of the four tasks: its expert, its title, how many frames it takes and what they are."""

    name: str
    title: str
    slots: tuple[str, ...]
    most_frames: int
    roles: tuple[int, ...] = ()  # of a pair of modalities; empty: frames of one camera


TASKS = {
    task.name: task
    for task in (
        FusionTask("ivis", "Infrared and visible", ("thermal", "visible"), 2, (0, 1)),
        FusionTask("mef", "Multi-exposure", ("exposure",), 6),
        FusionTask("mff", "Multi-focus", ("focus frame",), 3),
        FusionTask("med", "Medical", ("MRI", "CT, PET or SPECT"), 2, (0, 1)),
    )
}
ENGINES = ("net", "lut", "average", "max", "laplacian", "gff", "mertens")
OPERATORS = ("pyramid", "paper", "fast")
TABLE_KINDS = ("pyramid", "paper")


@dataclass(frozen=True)
class FusionOptions:
    """Settings of one fusion.

    Attributes:
        task: a name of TASKS.
        engine: "net" (the mixed network), "lut" (tables, exposures only) or a classical baseline.
        operator, table_kind, tables: of the table engine; `tables` (K rows of 256) replaces the trained ones.
        detail: factor of the detail layer of the result, 0 to 2.
        residual: factor of the network's added detail, 0 to 1.5.
        saturation: 0 to 1.5.
        gains: EV per frame on its weight, -2 to 2; empty means 0 for all.
        deghost: reject pixels that moved against the reference exposure.
        polarity: "white" if hot is bright in the thermal frame, "black" if hot is dark.
        max_pixels: what the network sees; the picture keeps its size.
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

    def __post_init__(self) -> None:
        _one_of("task", self.task, tuple(TASKS))
        _one_of("engine", self.engine, ENGINES)
        _one_of("operator", self.operator, OPERATORS)
        _one_of("polarity", self.polarity, ("white", "black"))
        _one_of("table_kind", self.table_kind, TABLE_KINDS)
        for name, low, high in (("detail", 0, 2), ("residual", 0, 1.5), ("saturation", 0, 1.5)):
            _within(name, getattr(self, name), low, high)
        for gain in self.gains:
            _within("gains", gain, -2, 2)
        _within("max_pixels", self.max_pixels, 1024, 4_000_000)
        if self.engine == "lut" and self.task != "mef":
            raise UserError(f"The table engine fuses exposures only; the task is {self.task!r}. Choose engine 'net'.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; only what differs from the default."""
        default = FusionOptions()
        return {key: value for key, value in asdict(self).items() if value != getattr(default, key)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FusionOptions:
        """Inverse of `to_dict`. Raises UserError on unknown names."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise UserError(f"Unknown fusion options {unknown}; known are {sorted(known)}.")
        frozen = {key: _frozen(value) for key, value in values.items()}
        return cls(**frozen)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{name} is {value!r}; known are {', '.join(known)}.")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not isinstance(value, int | float) or not low <= value <= high:
        raise UserError(f"{name} is {value!r}; it goes from {low} to {high}.")
