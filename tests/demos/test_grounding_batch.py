"""The batch of pictures on the page, files in the formats of others, and the grounding tab's endpoints."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from pipelines.grounding.formats import Coco, yolo
from pipelines.grounding.query import parse_queries
from pipelines.grounding.random_scene import SceneRef, drawn
from pipelines.grounding.thresholds import Thresholds
from pipelines.shared.errors import UserError

PUBLIC = {"/ground", "/ground_batch", "/random_scene", "/describe_at", "/merge_info", "/validate_recipe", "/status"}
OPEN = {"existence": 0.0, "mask": 0.05}


@pytest.fixture(scope="module")
def client(grounding_page: Any) -> Iterator[Client]:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    blocks = grounding_page.page.blocks
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, server_name="127.0.0.1")
    yield Client(url, verbose=False)
    blocks.close()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes, and a file that is no picture."""
    path = tmp_path_factory.mktemp("batch") / "scenes.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for seed in range(3):
            buffer = io.BytesIO()
            Image.fromarray(drawn(SceneRef("simple", seed)).pixels).save(buffer, "PNG")
            packed.writestr(f"scenes/{seed}.png", buffer.getvalue())
        packed.writestr("scenes/broken.png", b"no picture")
    return path


def asked(page: Any, archive: Path) -> dict[Any, Any]:
    tab = page.tab
    return page.values({tab.batch.files: [str(archive)], tab.source.phrase: "a star; the mug",
                        tab.settings["existence"]: 0.0, tab.settings["mask"]: 0.05})  # fmt: skip


def test_a_batch_gives_a_table_masks_and_one_coco_file(
    grounding_page: Any, visitor: Callable[[str], Any], pressed: Any, archive: Path
) -> None:
    batch = grounding_page.tab.batch
    steps = list(pressed(batch, visitor("dora"), asked(grounding_page, archive)))
    assert "1 of 4" in steps[1][batch.progress] and "Done: 4 of 4" in steps[-1][batch.progress]
    assert "scenes/2.png" in steps[-1][batch.table] and "broken.png" in steps[-1][batch.table]
    with zipfile.ZipFile(steps[-1][batch.out]) as packed:
        document = json.loads(packed.read("coco.json"))
        mask = np.asarray(Image.open(io.BytesIO(packed.read("masks/scenes/0.png-1.png"))))
        assert packed.read("objects.csv").count(b"\n") == 1 + 3 * 2 + 1
    assert len(document["images"]) == 3 and [one["name"] for one in document["categories"]] == ["a star", "the mug"]
    first = document["annotations"][0]
    assert mask.sum() == first["area"] and first["mask_file"] == "masks/scenes/0.png-1.png"
    assert document["info"]["recipe_hash"]


def test_pictures_of_one_name_and_two_kinds_keep_their_masks(
    grounding_page: Any, visitor: Callable[[str], Any], pressed: Any, tmp_path: Path
) -> None:
    batch, path = grounding_page.tab.batch, tmp_path / "cats.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for seed, kind in enumerate(("PNG", "JPEG")):
            buffer = io.BytesIO()
            Image.fromarray(drawn(SceneRef("simple", seed)).pixels).save(buffer, kind)
            packed.writestr(f"cat.{kind.lower()}", buffer.getvalue())
    *_, last = pressed(batch, visitor("dora"), asked(grounding_page, path))
    with zipfile.ZipFile(last[batch.out]) as packed:
        masks = [name for name in packed.namelist() if name.startswith("masks/")]
    assert len(masks) == len(set(masks)) == 4


def test_a_batch_gives_what_is_asked_for_and_no_more(
    grounding_page: Any, visitor: Callable[[str], Any], pressed: Any, archive: Path
) -> None:
    tab, batch = grounding_page.tab, grounding_page.tab.batch
    sent = asked(grounding_page, archive) | {tab.source.phrase: "a star | none; the mug | box; the key | mask"}
    *_, last = pressed(batch, visitor("dora"), sent)
    with zipfile.ZipFile(last[batch.out]) as packed:
        document, names = json.loads(packed.read("coco.json")), packed.namelist()
        rows = packed.read("objects.csv").decode().splitlines()
    assert [one["category_id"] for one in document["annotations"]] == [2, 3] * 3
    assert ["segmentation" in one for one in document["annotations"]] == [False, True] * 3
    assert [name for name in names if name.startswith("masks/")] == [f"masks/scenes/{n}.png-2.png" for n in range(3)]
    assert sum("a star" in row and "yes" in row for row in rows) == 3 and "<td>there</td>" in last[batch.table]


def test_a_stopped_batch_gives_what_it_has(
    grounding_page: Any, visitor: Callable[[str], Any], pressed: Any, archive: Path
) -> None:
    batch, emil = grounding_page.tab.batch, visitor("emil")
    steps = pressed(batch, emil, asked(grounding_page, archive))
    next(steps)
    batch.when_stopped(emil)
    *_, last = steps
    assert "Stopped: 1 of 4" in last[batch.progress]
    with zipfile.ZipFile(last[batch.out]) as packed:
        assert len(json.loads(packed.read("coco.json"))["images"]) == 1


def test_no_picture_is_told(grounding_page: Any, visitor: Callable[[str], Any], pressed: Any) -> None:
    with pytest.raises(UserError, match="drop a zip"):
        list(pressed(grounding_page.tab.batch, visitor("dora"), grounding_page.values()))


def test_coco_and_yolo_say_where_the_objects_are(grounding_page: Any) -> None:
    tab = grounding_page.tab
    job = tab.job(grounding_page.values({tab.source.scene: SceneRef("base", 2)}))
    queries = parse_queries("a star; the mug")
    job = type(job)("", job.scene, queries, Thresholds(0.0, mask=0.05), job.recipe)
    result, document = tab.bench.result(job)[0], Coco()
    document.add("one.png", result)
    told = document.document({})["annotations"][1]
    counts = told["segmentation"]["counts"]
    spelt = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(told["segmentation"]["size"], order="F")
    assert (spelt == result.objects[1].mask).all() and told["category_id"] == 2
    left, top, width, height = told["bbox"]
    assert result.objects[1].box_xyxy == pytest.approx((left, top, left + width, top + height))
    lines = [line.split() for line in yolo(result, ["a star", "the mug"]).splitlines()]
    assert [line[0] for line in lines] == ["0", "1"]
    assert float(lines[1][1]) * result.size_wh[0] == pytest.approx(left + width / 2, abs=0.01)


def test_the_client_sees_exactly_the_public_endpoints(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == PUBLIC and all(one["description"] for one in endpoints.values())


def test_ground_answers_with_objects_and_what_made_them(client: Client, crop_file: Path) -> None:
    phrase, recipe = "a star | box mask; the mug | none", {"weights": {"refuse": 1.0}}
    told = client.predict(image=handle_file(str(crop_file)), phrase=phrase, thresholds=OPEN, recipe=recipe,
                          api_name="/ground")  # fmt: skip
    assert [one["phrase"] for one in told["objects"]] == ["a star"] and told["existence"]["the mug"] > 0
    assert [(one["phrase"], one["decode"]) for one in told["triplets"]] == [("a star", "box"), ("a star", "mask")]
    assert {"recipe", "recipe_hash", "weights_version", "seconds", "existence", "notices"} <= set(told)


@pytest.mark.parametrize(
    ("phrase", "thresholds", "words"),
    [
        ("", {}, "Type what to find"),
        ("a star", {"threshold": 1}, "existence"),
        ("a star | hat", {}, "heatmap"),
        ("x" * 5000, {}, "5,000 characters"),
    ],
)
def test_ground_refuses_by_name(
    client: Client, crop_file: Path, phrase: str, thresholds: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception, match=words):
        client.predict(image=handle_file(str(crop_file)), phrase=phrase, thresholds=thresholds, api_name="/ground")


def test_a_scene_is_drawn_and_named_by_its_seed(client: Client) -> None:
    path, told = client.predict(kind="relation", seed=3, api_name="/random_scene")
    scene = drawn(SceneRef("relation", 3))
    assert np.array_equal(np.asarray(Image.open(path)), scene.pixels)
    assert [one["text"] for one in told["expressions"]] == [one.text for one in scene.phrases]
    row, column = (int(values[0]) for values in np.nonzero(scene.ids == 1))
    name = client.predict(kind="relation", seed=3, x=column, y=row, api_name="/describe_at")
    assert isinstance(name["expression"], str)
    with pytest.raises(Exception, match="attribute"):
        client.predict(kind="relations", seed=3, api_name="/random_scene")


def test_ground_batch_gives_a_zip_and_rows(client: Client, archive: Path) -> None:
    out, about = client.predict(files=[handle_file(str(archive))], phrase="a star", thresholds=OPEN,
                                api_name="/ground_batch")  # fmt: skip
    assert len(about["rows"]) == 4 and about["rows"][0]["found"]
    assert sum("problem" in row for row in about["rows"]) == 1
    with zipfile.ZipFile(out) as packed:
        assert "coco.json" in packed.namelist()
