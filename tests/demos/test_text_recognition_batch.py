"""The batch of crops on the page, and the text tab's endpoints through a client."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file

from demos.text_recognition_batch import batch_table
from pipelines.shared.errors import UserError
from pipelines.text_recognition.batch import BatchRow

PUBLIC = {"/read_text", "/ask_text", "/detect_text", "/read_batch", "/merge_info", "/validate_recipe", "/status"}


@pytest.fixture(scope="module")
def client(text_page: Any) -> Iterator[Client]:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    blocks = text_page.page.blocks
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, server_name="127.0.0.1")
    yield Client(url, verbose=False)
    blocks.close()


@pytest.fixture(scope="module")
def archive(crop_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty crops and their labels."""
    path = tmp_path_factory.mktemp("batch") / "crops.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(20):
            packed.write(crop_file, f"crops/{number}.png")
        packed.writestr("labels.tsv", "\n".join(f"{number}.png\tword" for number in range(20)))
    return path


def test_a_batch_tells_how_far_it_is_and_gives_files(
    text_page: Any, visitor: Callable[[str], Any], pressed: Any, archive: Path
) -> None:
    batch = text_page.tab.batch
    steps = list(pressed(batch, visitor("dora"), text_page.values({batch.files: [str(archive)]})))
    assert "16 of 20" in steps[1][batch.progress] and "Done: 20 of 20" in steps[-1][batch.progress]
    assert "of 20 labelled crops" in steps[-1][batch.progress] and "crops/19.png" in steps[-1][batch.table]
    table, document = map(Path, steps[-1][batch.out])
    assert table.read_text().count("\n") == 21 and len(json.loads(document.read_text())["crops"]) == 20


def test_the_table_marks_doubtful_readings() -> None:
    shown = batch_table((BatchRow("a.png", "x", 0.2, is_doubtful=True), BatchRow("b.png", "y", 0.9)))
    assert "<th>doubt</th>" in shown
    assert "<td>0.200</td><td>doubtful</td>" in shown and "<td>0.900</td><td></td>" in shown


def test_a_stopped_batch_gives_what_it_has(
    text_page: Any, visitor: Callable[[str], Any], pressed: Any, archive: Path
) -> None:
    batch, emil = text_page.tab.batch, visitor("emil")
    steps = pressed(batch, emil, text_page.values({batch.files: [str(archive)]}))
    next(steps)
    batch.when_stopped(emil)
    *_, last = steps
    assert "Stopped: 16 of 20" in last[batch.progress] and last[batch.out]


def test_no_crop_is_told(text_page: Any, visitor: Callable[[str], Any], pressed: Any) -> None:
    with pytest.raises(UserError, match="drop word crops"):
        list(pressed(text_page.tab.batch, visitor("dora"), text_page.values()))


def test_the_client_sees_exactly_the_public_endpoints(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == PUBLIC and all(one["description"] for one in endpoints.values())


def test_read_text_tells_characters_and_what_made_them(client: Client, crop_file: Path) -> None:
    told = client.predict(image=handle_file(str(crop_file)), options={"procedure": "ctc"},
                          recipe={"weights": {"curved": 1.0}}, api_name="/read_text")  # fmt: skip
    assert told["text"] == "".join(one["character"] for one in told["characters"])
    assert {"recipe", "recipe_hash", "weights_version", "seconds", "confidence"} <= set(told)


def test_read_text_refuses_an_unknown_procedure_by_name(client: Client, crop_file: Path) -> None:
    with pytest.raises(Exception, match="parallel, autoregressive"):
        client.predict(image=handle_file(str(crop_file)), options={"procedure": "magic"}, api_name="/read_text")


def test_ask_text_answers_a_question_in_english(client: Client, crop_file: Path) -> None:
    told = client.predict(image=handle_file(str(crop_file)), question="How many characters?", api_name="/ask_text")
    assert told["answer"].isdigit() and 0 <= told["probability"] <= 1
    assert told["agrees"] == (told["answer"] == str(len(told["reading"])))


def test_read_batch_gives_files_and_accuracy(client: Client, archive: Path) -> None:
    files, about = client.predict(files=[handle_file(str(archive))], api_name="/read_batch")
    assert {Path(one).suffix for one in files} == {".csv", ".json"}
    assert about["count"] == 20 and about["accuracy"] == about["right"] / 20
