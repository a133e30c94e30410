"""Names that belong together, and a batch that goes on after a bad pair."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.fusion.batch import BatchStep, match_pairs, run_batch
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import FAMILIES
from pipelines.shared.archives import gathered
from pipelines.shared.errors import UserError
from pipelines.shared.figures import read_embedded
from pipelines.shared.notice import Notice, warning
from pipelines.shared.recipe_file import RecipeDocument, parse_document


def png(seed: int = 0, size_hw: tuple[int, int] = (48, 64)) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (*size_hw, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Fused:
    fused: np.ndarray
    notices: tuple[Notice, ...] = ()

    @property
    def picture(self) -> np.ndarray:
        return self.fused


def first_frame(frames, options, recipe) -> Fused:
    """Stands in for the pipeline: gives back the first frame."""
    return Fused((frames.images[0] * 255).astype(np.uint8))


def asked(**options: Any) -> RecipeDocument:
    """A document of the default mix with these options."""
    return RecipeDocument("fusion", "fusenet", MergeRecipe(), options)


def rows_of(out: Path) -> list[dict[str, str]]:
    """The table in a zip."""
    with zipfile.ZipFile(out) as archive:
        return list(csv.DictReader(archive.read("metrics.csv").decode().splitlines()))


@pytest.mark.parametrize(
    ("names", "stem", "in_order"),
    [
        (["x_B.png", "x_A.jpg"], "x", ("x_A.jpg", "x_B.png")),
        (["vi/01.png", "ir/01.png"], "01", ("ir/01.png", "vi/01.png")),
        (["set/s_vis.png", "set/s_ir.png"], "set/s", ("set/s_ir.png", "set/s_vis.png")),
        (["c_under.png", "c_over.png"], "c", ("c_over.png", "c_under.png")),
        (["h_CT.png", "h_MRI.png"], "h", ("h_MRI.png", "h_CT.png")),
        (["s_3.png", "s_1.png", "s_2.png"], "s", ("s_1.png", "s_2.png", "s_3.png")),
        (["s_0.png", "s_1.png"], "s", ("s_0.png", "s_1.png")),
    ],
)
def test_names_that_differ_in_their_slot_belong_together(
    names: list[str], stem: str, in_order: tuple[str, ...]
) -> None:
    matches = match_pairs(names)
    assert [(group.stem, group.names) for group in matches.groups] == [(stem, in_order)]
    assert matches.unmatched == ()


@pytest.mark.parametrize(
    "names",
    [
        ["cat.png", "dog.png"],
        ["x_A.png"],
        ["x_A.png", "x_A.jpg", "x_B.png"],
        ["s_1.png", "s_3.png"],
        ["s_4.png", "s_5.png"],
        [f"s_{number}.png" for number in range(1, 8)],
        ["x_A.png", "y_B.png"],
        ["cup_A.png", "cup_B.png", "cup_1.png", "cup_2.png"],
        ["cup_A.png", "cup_B.png", "cup_ir.png", "cup_vi.png"],
    ],
)
def test_names_that_could_mean_two_things_are_listed_and_not_guessed(names: list[str]) -> None:
    matches = match_pairs(names)
    assert matches.groups == () and matches.unmatched == tuple(names)


def test_a_stem_that_two_rules_claim_leaves_the_others_as_they_are() -> None:
    both = ["cup_A.png", "cup_B.png", "cup_1.png", "cup_2.png"]
    matches = match_pairs([*both, "jar_A.png", "jar_B.png", "set/cup_1.png", "set/cup_2.png"])
    assert [group.stem for group in matches.groups] == ["jar", "set/cup"] and matches.unmatched == tuple(both)


def test_folders_of_a_zip_name_the_slots(tmp_path: Path) -> None:
    members = {f"day/{slot}/{number}.png": png() for slot in ("vi", "ir") for number in ("001", "002")}
    (tmp_path / "pairs.zip").write_bytes(packed(members))
    matches = match_pairs(tuple(gathered([str(tmp_path / "pairs.zip")])))
    pairs = [("day/ir/001.png", "day/vi/001.png"), ("day/ir/002.png", "day/vi/002.png")]
    assert [group.names for group in matches.groups] == pairs


def test_equal_names_of_two_folders_are_sent_to_a_zip(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "001.png" for folder in ("ir", "vi")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(png())
    with pytest.raises(UserError, match=r"001\.png came twice; .* pack the folders as a zip"):
        gathered([str(path) for path in paths])


def test_a_batch_goes_on_after_a_bad_pair_and_reports_everything(tmp_path: Path) -> None:
    files = {"a_A.png": png(1), "a_B.png": png(2), "b_A.png": b"", "b_B.png": png(3), "stray.png": png(4)}
    out = tmp_path / "out.zip"
    steps = list(run_batch(first_frame, files, asked(task="mff"), tmp_path, out))
    assert steps[0] == BatchStep(1, 2, "a") and steps[1].problem is not None and "b_A.png is empty" in steps[1].problem
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["a_fused.png", "metrics.csv", "unmatched.txt"]
        assert archive.read("unmatched.txt") == b"stray.png"
        table = archive.read("metrics.csv").decode().splitlines()
    assert table[0].startswith("scene,frames,en,") and len(table) == 3


def test_a_batch_that_is_stopped_leaves_a_sound_zip(tmp_path: Path) -> None:
    files = {"a_A.png": png(1), "a_B.png": png(2), "b_A.png": png(3), "b_B.png": png(4)}
    batch = run_batch(first_frame, files, asked(task="mff"), tmp_path, tmp_path / "out.zip")
    next(batch)
    batch.close()
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["a_fused.png", "metrics.csv"]


def test_a_batch_without_any_pair_says_how_to_name_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scene_A\.png"):
        list(run_batch(first_frame, {"cat.png": png()}, asked(), tmp_path, tmp_path / "out.zip"))


def test_frames_of_unlike_shape_follow_the_options_and_transparency_is_kept(root: Path, tmp_path: Path) -> None:
    from pipelines.fusion.pipeline import FusionPipeline
    from pipelines.shared.cache import ModelCache

    clear = Image.new("RGBA", (64, 40), (200, 90, 30, 0))
    clear.paste((90, 200, 30, 255), (32, 0, 64, 40))
    buffer = io.BytesIO()
    clear.save(buffer, "PNG")
    files = {"x_A.png": png(1), "x_B.png": buffer.getvalue()}
    pipeline = FusionPipeline(ModelCache(root / "assets"))
    plain, cropped = asked(task="mff", engine="average"), asked(task="mff", engine="average", fit="crop")
    assert "not stretched" in str(next(run_batch(pipeline, files, plain, tmp_path, tmp_path / "a.zip")).problem)
    assert [step.problem for step in run_batch(pipeline, files, cropped, tmp_path, tmp_path / "b.zip")] == [None]
    with zipfile.ZipFile(tmp_path / "b.zip") as archive, Image.open(archive.open("x_fused.png")) as fused:
        assert fused.mode == "RGBA" and fused.getchannel("A").getextrema() == (0, 255)


def test_a_black_hot_frame_is_scored_as_it_was_fused(tmp_path: Path) -> None:
    """A result that is the turned thermal frame: its likeness to the sources tells which way round these were."""

    def turned(frames, options, recipe) -> Fused:
        return Fused(np.round((1 - frames.images[0]) * 255).astype(np.uint8))

    rows = {}
    for polarity in ("white", "black"):
        out = tmp_path / f"{polarity}.zip"
        list(run_batch(turned, {"s_ir.png": png(0), "s_vis.png": png(1)}, asked(polarity=polarity), tmp_path, out))
        (rows[polarity],) = rows_of(out)
    assert float(rows["black"]["ssim"]) > float(rows["white"]["ssim"]) + 0.2


def test_every_picture_carries_its_recipe_and_what_was_said_is_in_the_table(tmp_path: Path) -> None:
    said = (warning("PET came first."), warning("Frame 2 lies beside it."))

    def telling(frames, options, recipe) -> Fused:
        return Fused(first_frame(frames, options, recipe).fused, said if "a_A.png" in frames.names else ())

    files = {f"{scene}_{slot}.png": png(seed) for seed, scene in enumerate("ab") for slot in "AB"}
    document, out = asked(task="mff", engine="average", align=True, moves=[[1, 5.0]]), tmp_path / "out.zip"
    steps = list(run_batch(telling, files, document, tmp_path, out))
    assert [step.notices for step in steps] == [said, ()]
    assert [row["notes"] for row in rows_of(out)] == ["PET came first. Frame 2 lies beside it.", ""]
    with zipfile.ZipFile(out) as archive:
        carried, _ = parse_document(str(read_embedded(Path(archive.extract("b_fused.png", tmp_path)))), FAMILIES)
    assert carried.options == {"task": "mff", "engine": "average", "align": True}, "moves are of one scene"
    assert [(one.name, one.sha256) for one in carried.inputs] == [
        (name, sha256(files[name]).hexdigest()) for name in ("b_A.png", "b_B.png")
    ]


def test_large_pictures_are_measured_smaller_and_the_table_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.fusion.measured.MOST_MEASURED", 768)
    seen: list[Any] = []
    monkeypatch.setattr("pipelines.fusion.metrics.score", lambda *given: seen.append(given) or {"ssim": 1.0})
    files, out = {"a_A.png": png(1), "a_B.png": png(2)}, tmp_path / "out.zip"
    list(run_batch(first_frame, files, asked(task="mff"), tmp_path, out))
    ((fused, sources, _),) = seen
    assert fused.shape == sources[0].shape == (24, 32, 3) and rows_of(out)[0]["measured_at"] == "32x24"
