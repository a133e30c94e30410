"""Many crops: labels that are matched, crops that cannot be read, and what is told of them."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition.batch import (
    AT_ONCE,
    BatchRow,
    crops_and_labels,
    document_of,
    errors_of,
    read_batch,
    score_of,
    table_of,
)
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.pipeline import TextRecognitionPipeline


def png(seed: int = 0, size_hw: tuple[int, int] = (20, 50)) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (*size_hw, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("line", ["a/1.png\tCafe", "1.png,Cafe", "other/1.png Cafe"])
def test_labels_are_matched_by_name_with_or_without_the_folder(line: str) -> None:
    crops, labels = crops_and_labels({"a/1.png": b"", "a/2.png": b"", "labels.txt": line.encode()})
    assert set(crops) == {"a/1.png", "a/2.png"} and labels == {"a/1.png": "Cafe"}


def test_label_files_that_fit_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="names no crop that is here"):
        crops_and_labels({"1.png": b"", "labels.tsv": b"9.png\tword"})
    with pytest.raises(UserError, match="every line needs"):
        crops_and_labels({"1.png": b"", "labels.tsv": b"word"})
    with pytest.raises(UserError, match="no picture"):
        crops_and_labels({"labels.tsv": b"9.png\tword"})


def test_more_crops_than_a_batch_takes_are_refused() -> None:
    with pytest.raises(UserError, match="201 crops came; at most 200"):
        crops_and_labels({f"{number}.png": b"" for number in range(201)})


def test_a_batch_goes_on_after_a_bad_crop_and_reads_as_one_by_one(cache: ModelCache, tiny_family: ModelFamily) -> None:
    pipeline = TextRecognitionPipeline(cache, tiny_family)
    crops = {f"{number}.png": png(number) for number in range(AT_ONCE + 1)} | {"bad.png": b"no picture"}
    steps = list(read_batch(pipeline, crops, {"0.png": "x"}, ReadingOptions(), None))
    assert [step.done for step in steps] == [AT_ONCE, AT_ONCE + 2] and steps[-1].total == AT_ONCE + 2
    rows = {row.name: row for row in steps[-1].rows}
    assert "bad.png" in rows["bad.png"].problem and rows["bad.png"].text == ""
    ((alone,),) = [step.rows for step in read_batch(pipeline, {"3.png": crops["3.png"]}, {}, ReadingOptions(), None)]
    assert alone.text == rows["3.png"].text and alone.confidence == pytest.approx(rows["3.png"].confidence, abs=1e-4)


def test_accuracy_counts_labelled_crops_by_the_fields_comparison() -> None:
    rows = (BatchRow("a", "Stop!", 0.9, "STOP"), BatchRow("b", "go", 0.6, "no"), BatchRow("c", "up", 0.8, "down"),
            BatchRow("d", "free", 0.9), BatchRow("e", label="x", problem="damaged"))  # fmt: skip
    score = score_of(rows)
    assert score is not None and (score.right, score.count) == (1, 4) and score.accuracy == 0.25
    assert [row.name for row in errors_of(rows)] == ["c", "b", "e"]
    assert score_of(rows[3:4]) is None


def test_files_say_what_was_read() -> None:
    rows = (BatchRow("a.png", "=1+1", 0.5, "x"), BatchRow("b.png", "go", 1.0))
    assert table_of(rows).splitlines() == ["file,text,confidence,label,is_right", "a.png,'=1+1,0.5000,x,no",
                                           "b.png,go,1.0000,,"]  # fmt: skip
    told = json.loads(document_of(rows, {"recipe": {}}))
    assert told["accuracy"] == 0.0 and told["crops"][1] == {"file": "b.png", "text": "go", "confidence": 1.0}
