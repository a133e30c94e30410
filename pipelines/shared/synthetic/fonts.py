"""The fonts installed on this machine that can write words of Latin letters and digits.

A face is taken when it draws each of the 62 alphanumerics, when what it draws is legible (most of its glyphs resemble
the average glyph of that character over all faces: this turns symbol fonts away) and when no face before it looks
nearly the same. Nothing is downloaded; `fonts.lock.json` beside this file says which Debian packages, versions and
licences the published weights were trained with.
"""

from __future__ import annotations

import hashlib
import os
import string
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.shared.errors import UserError
from pipelines.shared.synthetic.font_cache import Entry, remembered

ALPHANUMERICS = string.digits + string.ascii_lowercase + string.ascii_uppercase
SYSTEM_FOLDERS = ("/usr/share/fonts/truetype", "/usr/share/fonts/opentype", "/usr/share/texmf/fonts/opentype")
FOLDERS_VARIABLE = "MIXDECK_FONTS"
SUFFIXES = (".ttf", ".otf", ".woff")
PACKAGES = (
    "fonts-aenigma", "fonts-adf-*", "fonts-dustin", "fonts-lato", "fonts-roboto", "fonts-open-sans", "fonts-averia-*",
    "fonts-freefont-ttf", "fonts-liberation", "fonts-urw-base35", "fonts-texgyre", "fonts-tlwg-*", "fonts-ocr-a",
)  # fmt: skip
HELD_OUT_SHARE = 5  # one family in five
CELL = 16  # px, side of a glyph's picture in the comparison of faces
LEGIBLE_SHARE = 0.45  # of the alphanumerics; symbol fonts stay under 0.15, black-letter faces reach 0.55
DUPLICATE_DISTANCE = 0.02  # mean absolute difference of two faces' glyph pictures
TWO_CASED = "abdeghnqrt"  # letters whose small form is no small copy of the capital


@dataclass(frozen=True)
class FontFace:
    """One face of a family. `unicase`: small letters look like capitals, so a reader cannot tell the case."""

    family: str
    style: str
    path: str
    unicase: bool = False

    def font(self, size: int) -> ImageFont.FreeTypeFont:
        """The face at `size` px per em, kept open between calls."""
        return open_font(self.path, size)


@dataclass(frozen=True)
class FontPool:
    """Faces grouped by family, to be drawn from: first a family, then one of its styles."""

    families: tuple[tuple[FontFace, ...], ...]

    @staticmethod
    def of(faces: Iterable[FontFace]) -> FontPool:
        groups: dict[str, list[FontFace]] = defaultdict(list)
        for face in faces:
            groups[face.family].append(face)
        return FontPool(tuple(tuple(groups[name]) for name in sorted(groups)))

    def pick(self, rng: np.random.Generator) -> FontFace:
        """A random face, every family equally often."""
        family = self.families[int(rng.integers(len(self.families)))]
        return family[int(rng.integers(len(family)))]

    def split(self, held_out: bool) -> FontPool:
        """The fifth of the families kept for validation and test sets, or the other four fifths."""
        kept = tuple(family for family in self.families if is_held_out(family[0].family) == held_out)
        if not kept:
            kind = "held-out" if held_out else "training"
            raise UserError(
                f"No {kind} font family among the {len(self.families)} found. {install_hint()}", "Too few fonts"
            )
        return FontPool(kept)


def is_held_out(family: str) -> bool:
    """Whether a family is for validation and test sets only; "Lato" and "Lato Black" go together."""
    return int(hashlib.sha256(family.split()[0].lower().encode()).hexdigest(), 16) % HELD_OUT_SHARE == 0


def font_pool(minimum_families: int = 1) -> FontPool:
    """All usable installed faces; `UserError` when there are fewer families than asked for."""
    pool = FontPool.of(installed_fonts())
    if len(pool.families) < minimum_families:
        raise UserError(
            f"{len(pool.families)} usable font families are installed, {minimum_families} are needed. {install_hint()}",
            "Too few fonts",
        )
    return pool


def install_hint() -> str:
    """Which packages bring fonts, and the variable that names other folders."""
    return (
        f"Install font packages (Debian: apt-get install {' '.join(PACKAGES)}), "
        f"or name folders with TrueType or OpenType files in {FOLDERS_VARIABLE}."
    )


def installed_fonts(folders: Sequence[str] | None = None) -> tuple[FontFace, ...]:
    """The usable faces of the folders, in order of family and style.

    Takes half a minute for a thousand faces, once: the user's cache folder keeps it. Without `folders` those of
    the system and of the variable MIXDECK_FONTS (separated by ":") are searched.
    """
    named = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return _scan(tuple(folders) if folders is not None else (*SYSTEM_FOLDERS, *filter(None, named)))


@lru_cache(maxsize=512)
def open_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """A font file at `size` px per em, kept open."""
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4)
def _scan(folders: tuple[str, ...]) -> tuple[FontFace, ...]:
    files = sorted(file for folder in folders for file in Path(folder).rglob("*") if file.suffix.lower() in SUFFIXES)
    files = [file for file in files if file.is_file()]
    entries = remembered(files, Path(__file__).read_bytes(), lambda: _usable(files))
    return tuple(FontFace(*entry) for entry in entries)


def _usable(files: Sequence[Path]) -> list[Entry]:
    found = [(named, glyphs) for file in files if (named := _named(file)) and (glyphs := _glyphs(named)) is not None]
    if not found:
        return []
    found.sort(key=lambda pair: (pair[0].family, pair[0].style, pair[0].path))
    pictures = np.stack([glyphs for _, glyphs in found])  # (faces, 62, CELL, CELL)
    legible = _legible_share(pictures) >= LEGIBLE_SHARE
    kept = _without_duplicates(pictures, np.flatnonzero(legible))
    faces = (found[index][0] for index in kept)
    return [
        (face.family, face.style, face.path, _is_unicase(pictures[index]))
        for face, index in zip(faces, kept, strict=True)
    ]


def _named(file: Path) -> FontFace | None:
    try:
        family, style = ImageFont.truetype(str(file), 32, layout_engine=ImageFont.Layout.BASIC).getname()
    except (OSError, ValueError, UnicodeDecodeError):
        return None
    return FontFace(family, style or "Regular", str(file)) if family else None


def _glyphs(face: FontFace) -> np.ndarray | None:
    """Pictures of the 62 alphanumerics as float32 (62, CELL, CELL) in 0..1, or None when one of them is missing."""
    try:
        font = ImageFont.truetype(face.path, 32, layout_engine=ImageFont.Layout.BASIC)
        missing = {glyph_mask(font, character).tobytes() for character in ("\uffff", "\u0ee0")}
        masks = [glyph_mask(font, character) for character in ALPHANUMERICS]
    except (OSError, ValueError):
        return None
    if any(mask.size == 0 or mask.tobytes() in missing for mask in masks):
        return None
    return np.stack([_cell(mask) for mask in masks])


def glyph_mask(font: ImageFont.FreeTypeFont, character: str) -> np.ndarray:
    """Ink of one character as uint8 (height, width), cut to its ink."""
    left, top, right, bottom = font.getbbox(character)
    canvas = Image.new("L", (max(int(right - left), 0), max(int(bottom - top), 0)))
    if 0 in canvas.size:
        return np.zeros((0, 0), np.uint8)
    ImageDraw.Draw(canvas).text((-left, -top), character, 255, font)
    mask = np.asarray(canvas)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if rows.size else np.zeros((0, 0), np.uint8)


def _cell(mask: np.ndarray) -> np.ndarray:
    """A glyph in a square cell: the long side fills it, so that I and M stay apart."""
    height, width = mask.shape
    scale = CELL / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    cell = np.zeros((CELL, CELL), np.float32)
    x = (CELL - size[0]) // 2
    cell[CELL - size[1] :, x : x + size[0]] = small / np.float32(255)
    return cell


def _legible_share(pictures: np.ndarray) -> np.ndarray:
    """For each face the share of its glyphs that resemble the median glyph of their own character most, (faces,)."""
    flat = pictures.reshape(*pictures.shape[:2], -1)
    template = np.median(flat, axis=0)
    likeness = np.einsum("fcp,kp->fck", _standardised(flat), _standardised(template))
    folded = np.array([ALPHANUMERICS.index(c.lower()) for c in ALPHANUMERICS])
    return (folded[likeness.argmax(2)] == folded).mean(1)


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(-1, keepdims=True)
    return centred / (np.linalg.norm(centred, axis=-1, keepdims=True) + 1e-6)


def _without_duplicates(pictures: np.ndarray, candidates: np.ndarray) -> list[int]:
    kept: list[int] = []
    flat = pictures.reshape(len(pictures), -1)
    for index in candidates:
        near = np.abs(flat[kept] - flat[index]).mean(1) < DUPLICATE_DISTANCE if kept else np.zeros(0, bool)
        if not near.any():
            kept.append(int(index))
    return kept


def _is_unicase(glyphs: np.ndarray) -> bool:
    small = [ALPHANUMERICS.index(c) for c in TWO_CASED]
    large = [ALPHANUMERICS.index(c.upper()) for c in TWO_CASED]
    difference = np.abs(glyphs[small] - glyphs[large]).mean((1, 2))
    return bool(np.median(difference) < 0.06)
