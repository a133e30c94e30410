"""The bar at the foot of the page: device, memory, models, hits, queue."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from typing import Any

import gradio as gr

from demos.header import Header
from demos.held import HeldNetworks
from demos.sight import Updates
from demos.tab import BESIDE_QUEUE, Workshop, told
from pipelines.shared.cache import ModelCache

TEMPLATE = (
    "<div>{{value.device}} · {{value.memory}} · {{value.models}} models, {{value.merged}} of {{value.budget}} · "
    "{{value.hits}} hits / {{value.misses}} misses · {{value.loads}} loads, {{value.load_ms}} ms · "
    "merging {{value.merge_ms}} ms · running {{value.run_ms}} ms · {{value.evictions}} evicted · "
    "queue {{value.queue}}</div>"
)


class StatusBar:
    """Numbers of the cache, refreshed after each run; no timer ticks while nobody runs anything.

    `has_models`: whether a visitor sees the networks in memory and may unload them, which slows all others.
    """

    def __init__(self, workshop: Workshop, has_models: bool = True) -> None:
        self.workshop = workshop
        self.held: HeldNetworks | None = None
        with gr.Row():
            self.bar = gr.HTML(status_of(workshop), html_template=TEMPLATE, elem_id="status", scale=4)
            if has_models:
                free = gr.Button("Free memory now", size="sm", min_width=120, scale=0, elem_id="status-unload")
        self.outputs: list[Any] = [self.bar]
        if has_models:
            self.held = HeldNetworks(workshop.cache)
            self.held.wire(lambda: {self.bar: status_of(workshop)}, [self.bar])
            self.outputs += self.held.outputs
            free.click(told(self.unload), None, self.outputs, **BESIDE_QUEUE)

    def follow(self, runs: Sequence[Any], tab: Any, header: Header) -> None:
        """Refresh after each of a tab's runs, and say in the chip what its picture was mixed of."""

        def told_after(current: str, shown: Any) -> Updates:
            return self.now() | {header.chip: header.chip_after(current, tab, shown)}

        for run in runs:
            run.then(told_after, [header.current, tab.shown], [*self.outputs, header.chip], trigger_mode="always_last",
                     **BESIDE_QUEUE)  # fmt: skip

    def now(self) -> Updates:
        """The numbers of this moment."""
        return {self.bar: status_of(self.workshop)} | (self.held.now() if self.held else {})

    def unload(self) -> Updates:
        """Models and kept results leave memory; the next run makes again what it needs."""
        self.workshop.free()
        return self.now()


def status_of(workshop: Workshop) -> dict[str, Any]:
    """What the bar shows; also what the endpoint `status` answers."""
    counters = workshop.cache.counters()
    return {
        "device": device_words(workshop.cache),
        "memory": f"{memory_bytes() / 1e9:.2f} GB in use, {peak_memory_bytes() / 1e9:.2f} at most",
        "models": len(counters.models),
        "budget": f"{counters.budget_bytes / 1e6:.0f} MB" if counters.budget_bytes else "half of what is free",
        "merged": f"{(counters.bytes_ram + counters.bytes_device) / 1e6:.0f} MB",
        "hits": counters.hits,
        "misses": counters.misses,
        "loads": counters.loads,
        "load_ms": round(counters.load_ms),
        "merge_ms": round(counters.merge_ms),
        "run_ms": round(counters.run_ms),
        "queue": workshop.waiting(),
        "evictions": counters.evictions,
    }


def device_words(cache: ModelCache) -> str:
    """Where networks run, and what is held or run in fewer bits than 32."""
    fewer = [f"{what} {held}" for what, held in (("networks", cache.precision), ("task vectors", cache.vectors))
             if held != "float32"]  # fmt: skip
    return " · ".join([str(cache.device), *fewer])


def memory_bytes() -> int:
    """Resident size of this process now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
