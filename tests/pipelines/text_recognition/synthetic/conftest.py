"""The renderer on fonts and words that are on every machine: those of matplotlib, and two short lists."""

from __future__ import annotations

import pytest

from pipelines.shared.synthetic.fonts import FontFace, FontPool
from pipelines.text_recognition.synthetic import render as renderer
from pipelines.text_recognition.synthetic.texts import Words
from tests.pipelines.shared.synthetic.conftest import LATIN, matplotlib_fonts

TRAINED, KEPT = ("Harbour", "stone", "lamp"), ("Window", "cloud", "bridge")


def words_of(held_out: bool) -> Words:
    """Three words for training, three others for tests."""
    texts = KEPT if held_out else TRAINED
    by_length: dict[int, tuple[str, ...]] = {}
    for text in texts:
        by_length[len(text)] = (*by_length.get(len(text), ()), text)
    return Words(by_length, by_length, texts, texts[:1], held_out)


def pool_of(held_out: bool) -> FontPool:
    """Serif faces for tests, the others for training."""
    names = [name for name in LATIN if ("Serif" in name) == held_out]
    return FontPool.of(FontFace(name, "Regular", str(matplotlib_fonts() / name)) for name in names)


@pytest.fixture(autouse=True)
def own_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No font and no word list of the system is looked at."""
    monkeypatch.setattr(renderer, "pool", pool_of)
    monkeypatch.setattr(renderer, "word_lists", words_of)
