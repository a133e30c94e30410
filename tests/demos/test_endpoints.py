"""The public endpoints, through a client."""

from __future__ import annotations

import logging
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from demos.exports import restore
from demos.fusion_endpoints import answer, asked_job, batch_answer
from demos.limits import TimeIsUp, timed
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.notice import warning

PUBLIC = {
    "/fuse", "/fuse_batch", "/ground", "/ground_batch", "/random_scene", "/describe_at", "/read_text", "/ask_text",
    "/detect_text", "/read_batch", "/merge_info", "/validate_recipe", "/status",
}  # fmt: skip


@pytest.fixture(scope="module")
def client(built: Any) -> Iterator[Client]:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    _, url, _ = built.page.blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, server_name="127.0.0.1")
    yield Client(url, verbose=False)
    built.page.blocks.close()


def test_the_client_sees_exactly_the_public_endpoints(client: Client) -> None:
    assert set(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == PUBLIC


def test_merge_info_lists_families_methods_and_ranges(client: Client) -> None:
    info = client.predict(api_name="/merge_info")
    assert "fusenet" in [one["name"] for one in info["families"]]
    ties = next(one for one in info["methods"] if one["name"] == "ties")
    assert {"default", "minimum", "maximum"} <= set(ties["settings"][0])


def test_a_recipe_is_completed_and_hashed(client: Client) -> None:
    answer = client.predict(recipe={"weights": {"mef": 1.0}}, api_name="/validate_recipe")
    assert len(answer["recipe_hash"]) == 64 and answer["recipe"]["vector"]["method"]


def test_an_unknown_expert_is_an_error_that_lists_the_known(client: Client) -> None:
    with pytest.raises(Exception, match="ivis"):
        client.predict(recipe={"weights": {"street": 1.0}}, api_name="/validate_recipe")


def test_fuse_gives_a_picture_and_what_made_it(client: Client, built: Any) -> None:
    first, second = (handle_file(str(path)) for path in built.tab.source.examples[0].frames)
    picture, about = client.predict(first=first, second=second, recipe={"weights": {"ivis": 1.0}}, api_name="/fuse")
    assert picture.endswith(".png")
    assert {"recipe", "recipe_hash", "weights_version", "seconds"} <= set(about)


def test_fuse_answers_with_the_callers_own_recipe_where_the_mix_plays_no_part(built: Any) -> None:
    paths = tuple(str(path) for path in built.tab.source.examples[0].frames)
    jobs = [asked_job(paths, "ivis", "average", None, {"weights": {"ivis": weight}}) for weight in (0.25, 0.75)]
    (first, _), (second, _) = answers = [answer(built.tab.bench, job) for job in jobs]
    assert [restore(Path(one)).count("ivis: 0.25") for one in (first, second)] == [1, 0]
    told = [about for _, about in answers]
    assert [one["recipe"]["weights"]["ivis"] for one in told] == [0.25, 0.75]
    assert [one["recipe_hash"] for one in told] == [recipe_hash(job.recipe) for job in jobs]


def test_what_was_done_to_the_frames_is_in_the_answers(
    built: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def telling(*given: Any) -> Any:
        return SimpleNamespace(**vars(built.pipeline(*given)) | {"notices": (warning("PET came first."),)})

    monkeypatch.setattr(built.tab.bench, "_pipeline", telling)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    Image.new("L", (16, 16)).save(tmp_path / "one.png")
    said, path = [{"level": "warning", "text": "PET came first."}], tmp_path / "one.png"
    job = asked_job((str(path), str(path)), "ivis", "average", None, None)
    assert answer(built.tab.bench, job)[1]["notices"] == said
    files = {name: path.read_bytes() for name in ("a_A.png", "a_B.png", "stray.png")}
    assert batch_answer(built.tab.bench, files, job)[1]["notices"] == {"a": said}


def test_fuse_refuses_an_unknown_task_by_name(client: Client, built: Any) -> None:
    first, second = (handle_file(str(path)) for path in built.tab.source.examples[0].frames)
    with pytest.raises(Exception, match="ivis, mef, mff, med"):
        client.predict(first=first, second=second, task="xray", api_name="/fuse")


def test_status_tells_device_and_hits(client: Client) -> None:
    status = client.predict(api_name="/status")
    assert status["device"] == "cpu" and status["hits"] == 3
    assert (status["loads"], status["load_ms"], status["merge_ms"], status["merged"]) == (1, 42, 7, "5 MB")
    assert (status["run_ms"], status["budget"], status["queue"]) == (20, "8 MB", 0)


def test_fuse_names_a_format_that_is_not_read(client: Client, built: Any, tmp_path: Path) -> None:
    scan = tmp_path / "scan.dcm"
    scan.write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 64)
    with pytest.raises(Exception, match="DICOM is not supported; convert it to PNG or TIFF"):
        client.predict(first=handle_file(str(scan)), second=handle_file(str(scan)), task="med", api_name="/fuse")


def test_fuse_takes_six_exposures(client: Client, built: Any) -> None:
    example = next(one for one in built.tab.source.examples if one.slug == "evening-bracket")
    names = ("first", "second", "third", "fourth", "fifth", "sixth")
    paths = [*example.frames, *example.frames[:2]]
    frames = {name: handle_file(str(path)) for name, path in zip(names, paths, strict=True)}
    picture, _ = client.predict(**frames, task="mef", api_name="/fuse")
    assert picture.endswith(".png") and built.pipeline.counts[-1] == 6


def test_fuse_takes_options_as_a_recipe_has_them(client: Client, built: Any) -> None:
    first, second = (handle_file(str(path)) for path in built.tab.source.examples[0].frames)
    options = {"detail": 1.5, "moves": [[1, 20, 0, 0, 1]]}
    client.predict(first=first, second=second, options=options, api_name="/fuse")
    assert built.pipeline.calls[-1][0].detail == 1.5
    with pytest.raises(Exception, match="A move is"):
        client.predict(first=first, second=second, options={"moves": [["left"]]}, api_name="/fuse")
    with pytest.raises(Exception, match="options should be a mapping"):
        client.predict(first=first, second=second, options=["detail"], api_name="/fuse")


def test_a_batch_ends_when_its_time_is_up(built: Any) -> None:
    frames = built.tab.source.examples[0].frames
    files = {f"{place}_{kind}.png": Path(path).read_bytes() for place in ("yard", "gate")
             for kind, path in zip(("ir", "vis"), frames, strict=True)}  # fmt: skip
    job = asked_job((), "ivis", "average", None, None)
    assert batch_answer(built.tab.bench, files, job)[1]["scenes"] == ["gate", "yard"]
    with pytest.raises(TimeIsUp, match="fewer files"):
        timed(batch_answer, 0.0)(built.tab.bench, files, job)


def test_fuse_batch_matches_by_name_and_lists_the_rest(client: Client, built: Any, tmp_path: Path) -> None:
    first, second = built.tab.source.examples[0].frames
    for name, path in (("yard_ir.png", first), ("yard_vis.png", second), ("alone.png", first)):
        shutil.copy(path, tmp_path / name)
    files = [handle_file(str(path)) for path in sorted(tmp_path.iterdir())]
    archive, about = client.predict(files=files, api_name="/fuse_batch")
    assert about["scenes"] == ["yard"] and about["unmatched"] == ["alone.png"] and about["problems"] == {}
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["yard_fused.png", "metrics.csv", "unmatched.txt"]
