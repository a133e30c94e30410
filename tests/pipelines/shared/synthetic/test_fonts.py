"""Which faces are taken, which are turned away, and how they are shared between training and tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.shared.synthetic import fonts
from pipelines.shared.synthetic.fonts import FontFace, FontPool, font_pool, glyph_mask, installed_fonts, is_held_out
from tests.pipelines.shared.synthetic.conftest import LATIN, matplotlib_fonts


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Nothing is remembered in this process."""
    fonts._scan.cache_clear()
    yield
    fonts._scan.cache_clear()


def test_latin_faces_are_taken_and_symbol_fonts_turned_away(font_folder: Path) -> None:
    for name in ("cmsy10.ttf", "STIXSizOneSymReg.ttf", "LastResortHE-Regular.ttf"):
        shutil.copy(matplotlib_fonts() / name, font_folder)
    (font_folder / "broken.ttf").write_bytes(b"no font")
    found = installed_fonts([str(font_folder)])
    assert {Path(face.path).name for face in found} == set(LATIN)
    assert {face.family for face in found} == {"DejaVu Sans", "DejaVu Sans Mono", "DejaVu Serif", "STIXGeneral"}
    assert not any(face.unicase for face in found)


def test_the_same_face_twice_is_taken_once(font_folder: Path) -> None:
    shutil.copy(font_folder / "DejaVuSerif.ttf", font_folder / "again.ttf")
    assert len(installed_fonts([str(font_folder)])) == len(LATIN)


def test_a_folder_of_ones_own_is_searched(font_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv(fonts.FOLDERS_VARIABLE, str(font_folder))
    assert len(font_pool(4).families) == 4
    with pytest.raises(UserError, match="4 usable font families are installed, 5 are needed"):
        font_pool(5)


def test_a_machine_without_fonts_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "SYSTEM_FOLDERS", (str(tmp_path), str(tmp_path / "missing")))
    monkeypatch.delenv(fonts.FOLDERS_VARIABLE, raising=False)
    with pytest.raises(UserError, match=r"0 usable .* apt-get install fonts-aenigma .* MIXDECK_FONTS"):
        font_pool()


def face(family: str, style: str = "Regular") -> FontFace:
    return FontFace(family, style, "")


def test_no_family_is_on_both_sides_and_kin_go_together() -> None:
    names = [f"Face{index}" for index in range(200)]
    pool = FontPool.of([face(name) for name in names])
    kept, trained = (
        {family[0].family for family in pool.split(held_out).families} for held_out in (True, False)
    )  # fmt: skip
    assert not kept & trained and kept | trained == set(names)
    assert 20 < len(kept) < 60
    assert is_held_out("Lato") == is_held_out("Lato Black") == is_held_out("lato")


def test_a_pool_of_one_side_says_so() -> None:
    family = next(f"Face{index}" for index in range(50) if not is_held_out(f"Face{index}"))
    with pytest.raises(UserError, match="No held-out font family among the 1 found"):
        FontPool.of([face(family)]).split(True)


def test_families_are_drawn_equally_often_however_many_styles_they_have() -> None:
    pool = FontPool.of([face("One"), *(face("Many", f"{index}") for index in range(9))])
    rng = np.random.default_rng(0)
    drawn = [pool.pick(rng).family for _ in range(400)]
    assert 150 < drawn.count("One") < 250


def test_a_glyph_is_cut_to_its_ink(font_folder: Path) -> None:
    mask = glyph_mask(FontFace("", "", str(font_folder / "DejaVuSans.ttf")).font(40), "l")
    assert mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()
    assert mask.shape[0] > 4 * mask.shape[1]
