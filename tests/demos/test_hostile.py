"""Hostile requests over raw HTTP: what a page never serves, never opens and never lets one visitor do to another."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator, Mapping
from inspect import getclosurevars, isgeneratorfunction
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import app
from demos.limits import PUBLIC
from demos.page import build_page
from demos.registry import TABS
from demos.tab import Workshop
from tests.demos.conftest import Built, FakeCache, FakePipeline

PNG_HEAD = b"\x89PNG\r\n\x1a\n" + bytes(40)


class Visitor:
    """A client that speaks HTTP as a browser does, and sends what it likes."""

    def __init__(self, url: str, built: Built, name: str) -> None:
        self.http, self.name, self._built = httpx.Client(base_url=f"{url}gradio_api/", timeout=20), name, built
        self._values = {one["id"]: one["props"].get("value") for one in built.page.get_config_file()["components"]}

    def upload(self, content: bytes, name: str = "a.png") -> httpx.Response:
        return self.http.post("upload", files={"files": (name, content)})

    def given(self, content: bytes, name: str) -> dict[str, Any]:
        """An uploaded file as a component is told of it."""
        return payload(self.upload(content, name).json()[0], orig_name=name)

    def call(self, endpoint: str, *data: Any) -> str:
        """What a public endpoint streams back."""
        event = self.http.post(f"call/{endpoint}", json={"data": data}).json()["event_id"]
        return self.http.get(f"call/{endpoint}/{event}").text

    def join(self, event: Any, changes: Mapping[Any, Any]) -> httpx.Response:
        """Ask a private endpoint, with the page's first values but for these."""
        values = self._values | {one._id: value for one, value in changes.items()}
        data = [values.get(one._id) for one in event.inputs]
        body = {"data": data, "fn_index": event._id, "session_hash": self.name, "trigger_id": None}
        return self.http.post("queue/join", json=body)

    def answers(self, count: int = 1) -> list[dict[str, Any]]:
        """What comes of as many runs, step by step; the last step says whether it succeeded."""
        found: list[dict[str, Any]] = []
        with self.http.stream("GET", "queue/data", params={"session_hash": self.name}) as stream:
            for line in filter(None, stream.iter_lines()):
                told = json.loads(line.removeprefix("data: "))
                found += [told] if told["msg"] in ("process_generating", "process_completed") else []
                if sum(one["msg"] == "process_completed" for one in found) == count:
                    break
        return found

    def shown(self, out: int) -> np.ndarray:
        """The picture of its first step, as the page serves it; `out` is its place among the outputs."""
        first, *_, last = self.answers()
        assert last["success"], last
        served = self.http.get(first["output"]["data"][out][1]["url"]).raise_for_status()
        return np.asarray(Image.open(io.BytesIO(served.content)).convert("RGB"))


def payload(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def picture(level: int) -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.full((24, 32), level, np.uint8)).save(written, "PNG")
    return written.getvalue()


@pytest.fixture(scope="module")
def built(root: Path) -> Built:
    """The fusion tab alone, on fakes."""
    workshop: Any = Workshop(FakeCache(root / "assets"), root / "assets")  # type: ignore[arg-type]
    page = build_page(workshop, PUBLIC, rows=[tab for tab in TABS if tab.name == "fusion"])
    tab, pipeline = page.tabs["fusion"], FakePipeline()
    tab.bench._make_pipeline = lambda: pipeline
    return Built(tab, page.blocks, pipeline, workshop)


@pytest.fixture(scope="module")
def url(built: Built) -> Iterator[str]:
    options = app.launch_options(app.parse_flags(["--public"])) | {"server_port": None, "quiet": True}
    yield built.page.launch(**options, prevent_thread_lock=True)[1]
    built.page.close()


@pytest.fixture(scope="module")
def anna(url: str, built: Built) -> Visitor:
    return Visitor(url, built, "anna")


@pytest.fixture(scope="module")
def run(built: Built) -> Any:
    """What the button Run fires."""
    target = (built.tab.source.run._id, "click")
    return next(one for one in built.page.fns.values() if target in one.targets and one.concurrency_id == "device")


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "../app.py", "requirements.txt", "http://127.0.0.1:9/a",
                                  "assets/weights/manifest.json", str(Path(app.__file__))])  # fmt: skip
def test_no_file_of_the_server_is_served(anna: Visitor, path: str) -> None:
    assert anna.http.get(f"file={path}").status_code == 403


@pytest.mark.parametrize("frame", [payload("/etc/passwd"), payload("app.py"), payload("../app.py"),
                                   payload(app.__file__), payload("file:///etc/passwd"),
                                   payload("http://127.0.0.1:9/a.png"), payload("http://169.254.169.254/a.png"),
                                   payload("a.png", url="http://127.0.0.1:9/a.png"), "app.py"])  # fmt: skip
def test_a_path_or_an_address_in_place_of_an_upload_is_refused(anna: Visitor, built: Built, frame: Any) -> None:
    said = anna.call("fuse", frame, *[None] * 5, "ivis", "net", None, None)
    assert "event: error" in said and "event: complete" not in said and "root:" not in said
    assert built.pipeline.calls == []


def test_an_upload_goes_by_its_base_name_and_ends_above_the_limit(anna: Visitor) -> None:
    (path,) = anna.upload(PNG_HEAD, "../../etc/a.png").json()
    assert Path(path).name == "a.png" and "etc" not in path
    assert anna.upload(bytes((20 << 20) + 1)).status_code == 413


def test_a_private_endpoint_checks_what_a_raw_request_brings(anna: Visitor, built: Built, run: Any) -> None:
    tab = built.tab
    hostile = {
        tab.source.files: [payload("/etc/passwd")],
        tab.panel.method: "__class__",
        tab.settings.controls[0]: {"path": "/etc/passwd"},
    }
    for widget, value in hostile.items():
        anna.join(run, {widget: value})
        (ended,) = anna.answers()
        assert ended["success"] is False and "root:" not in json.dumps(ended)
    assert built.pipeline.calls == []
    frames = [anna.given(picture(90), "a.png"), anna.given(picture(20), "b.png")]
    anna.join(run, {tab.source.files: frames, tab.panel.scale: 1e9, tab.shown: "app.py", tab.panel.history: "app.py"})
    assert anna.answers()[-1]["success"] is True
    (_, recipe) = built.pipeline.calls[-1]
    assert recipe.scale <= tab.panel.scale.maximum  # and a State is the server's own, whatever is sent for it


def test_one_visitor_may_have_two_runs_waiting_and_another_still_comes_in(
    url: str, anna: Visitor, built: Built, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, tab, ben, gate = built.page, built.tab, Visitor(url, built, "ben"), threading.Event()
    assert (page._queue.max_size, page.delete_cache) == (20, (1800, 7200))
    assert "status-unload" not in {one.elem_id for one in page.blocks.values()}  # nobody empties what others run
    long = [one.fn for one in page.fns.values() if one.concurrency_id == "batch" and isgeneratorfunction(one.fn)]
    assert [getclosurevars(one).nonlocals.get("longest_s") for one in long] == [600] * 3  # batch, clips, scores
    monkeypatch.setattr(tab, "pictured", lambda *given, pictured=tab.pictured: gate.wait(20) and pictured(*given))
    try:
        assert [anna.join(run, {}).status_code] == [200]
        while not page._queue.get_active_worker_count():
            time.sleep(0.005)
        assert [anna.join(run, {}).status_code for _ in range(2)] == [200, 200]
        refused = anna.join(run, {})
        assert refused.status_code == 400 and "2 of your runs are waiting already" in refused.json()["detail"]
        assert ben.join(run, {}).status_code == 200
    finally:
        gate.set()
    assert [one["success"] for one in anna.answers(3) if one["msg"] == "process_completed"] == [True] * 3
    assert ben.answers()[-1]["success"] is True


def test_a_corrupt_upload_leaves_her_picture_and_the_run_of_another(
    url: str, anna: Visitor, built: Built, run: Any
) -> None:
    files, out, ben = built.tab.source.files, run.outputs.index(built.tab.out), Visitor(url, built, "ben")
    frames = {who: [who.given(picture(level), "a.png"), who.given(picture(9), "b.png")]
              for who, level in ((anna, 90), (ben, 200))}  # fmt: skip
    anna.join(run, {files: frames[anna]})
    before = anna.shown(out)
    ben.join(run, {files: frames[ben]})
    anna.join(run, {files: [anna.given(PNG_HEAD, "torn.png"), frames[anna][1]]})
    (told, failed), of_ben = anna.answers(), ben.shown(out)
    assert failed["success"] is False and "torn.png" in json.dumps(failed)
    assert "torn.png" in told["output"]["data"][run.outputs.index(built.tab.alert)]
    assert told["output"]["data"][out] == {"__type__": "update"}  # as it was
    anna.join(run, {files: frames[anna]})
    assert np.array_equal(anna.shown(out), before) and before.mean() < of_ben.mean()
