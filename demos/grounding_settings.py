"""What counts as found: a fader for every threshold, with what it does. No threshold needs another look."""

from __future__ import annotations

import gradio as gr

from demos.fader import Fader
from demos.grounding_source import ID
from demos.sight import Updates, Values
from demos.words import hint
from pipelines.grounding.thresholds import MOST_OBJECTS, Thresholds

ABOUT = (
    "Thresholds act on what the network has said: moving one is instant. The desk's refuse fader is the other dial: it "
    "changes what is said, how readily nothing is found."
)
TITLES = {
    "existence": ("Existence", "below it nothing is found; raise it against false alarms"),
    "centre": ("Centre", "how sure a second or third object must be; the best one is kept in any case"),
    "mask": ("Mask", "how sure a pixel must be to belong to its object"),
    "most": ("Objects at most", "of one phrase; 1 is one, or as many as the words say"),
    "overlap": ("Overlap", "of two boxes that overlap more, the lesser goes"),
    "least_area": ("Least area", "smaller boxes go, share of the picture"),
}
RANGES = {"most": (1, MOST_OBJECTS, 1), "least_area": (0, 0.2, 0.002)}


class GroundingSettings:
    """Widgets of one `Thresholds`."""

    def __init__(self) -> None:
        usual = Thresholds()
        gr.HTML(hint(ABOUT))
        self._faders: dict[str, Fader] = {}
        for pair in (("existence", "most"), ("centre", "overlap"), ("mask", "least_area")):
            with gr.Row():
                for name in pair:
                    title, info = TITLES[name]
                    low, high, step = RANGES.get(name, (0, 1, 0.01))
                    self._faders[name] = Fader(low, high, getattr(usual, name), step=step, label=title, info=info,
                                               buttons=[], elem_id=f"{ID}-{name.replace('_', '-')}",
                                               min_width=200)  # fmt: skip
        self.faders = list(self._faders.values())
        self.controls = self.faders

    def __getitem__(self, name: str) -> Fader:
        """The fader of one threshold."""
        return self._faders[name]

    def thresholds(self, values: Values) -> Thresholds:
        """What the widgets ask for."""
        told = {name: values[fader] for name, fader in self._faders.items()}
        return Thresholds.from_dict(told | {"most": int(told["most"])})

    def shown(self, thresholds: Thresholds) -> Updates:
        """The widgets as these thresholds want them."""
        return {fader: fader.held(getattr(thresholds, name)) for name, fader in self._faders.items()}
