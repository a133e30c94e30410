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


def test_a_label_file_speaks_of_its_own_folder_first() -> None:
    crops = {"1.png": b"", "a/1.png": b"", "b/1.png": b"", "b/2.png": b""}
    own = {"a/labels.txt": b"1.png one\n2.png far", "b/labels.txt": b"./1.png uno\n2.png due", "all.txt": b"1.png top"}
    expected = {"1.png": "top", "a/1.png": "one", "b/1.png": "uno", "b/2.png": "due"}
    for lists in (own, dict(reversed(own.items()))):
        assert crops_and_labels({**crops, **lists})[1] == expected
    assert crops_and_labels({**crops, "a/labels.txt": b"b/1.png uno"})[1] == {"b/1.png": "uno"}


def test_a_bare_name_that_two_folders_have_labels_neither() -> None:
    crops = {"a/1.png": b"", "b/1.png": b"", "b/2.png": b""}
    assert crops_and_labels({**crops, "labels.tsv": b"1.png\tx\n2.png\ty"})[1] == {"b/2.png": "y"}
    with pytest.raises(UserError, match=r"or none clearly; its first is '1\.png', a crop is 'a/1\.png'"):
        crops_and_labels({**crops, "labels.tsv": b"1.png\tx"})


def test_an_empty_label_is_a_label() -> None:
    crops = {"1.png": b"", "2.png": b"", "3.png": b""}
    for lines in (b"1.png\tword\r\n2.png\t\r\n\r\n", b"1.png,word\n2.png,\n", b'1.png,"word"\n2.png,""'):
        assert crops_and_labels({**crops, "labels.txt": lines})[1] == {"1.png": "word", "2.png": ""}
    assert BatchRow("2.png", "", 0.9, "").is_right is True and BatchRow("2.png", "x", 0.9, "").is_right is False


@pytest.mark.parametrize(
    ("line", "label"),
    [('1.png, "Tired"', "Tired"), ('1.png,"1,000"', "1,000"), ('1.png,"say ""hi"""', 'say "hi"'), ('1.png,5"', '5"')],
)
def test_comma_separated_labels_may_stand_in_quotes(line: str, label: str) -> None:
    assert crops_and_labels({"1.png": b"", "labels.csv": line.encode()})[1] == {"1.png": label}


def test_a_third_column_is_refused_with_its_line() -> None:
    lines = b"1.png,one\n\n2.png,1,000\n"
    with pytest.raises(UserError, match=r"Line 3 of labels\.csv has 3 columns; a label file has two"):
        crops_and_labels({"1.png": b"", "2.png": b"", "labels.csv": lines})
    with pytest.raises(UserError, match=r"Line 1 of labels\.csv cannot be read: field larger"):
        crops_and_labels({"1.png": b"", "labels.csv": b"1.png," + b"x" * 200_000})


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


def test_labels_that_cannot_be_compared_count_neither_right_nor_wrong() -> None:
    rows = (BatchRow("a", "Cafe", 0.9, "Café"), BatchRow("b", "IIpuBem", 0.6, "Привет"), BatchRow("c", "", 0.6, "Мир"))
    assert [row.is_right for row in rows] == [True, None, None] and errors_of(rows) == []
    score = score_of(rows)
    assert score is not None and (score.right, score.count) == (1, 1) and score_of(rows[1:]) is None
    assert table_of(rows).splitlines()[2].endswith(",Привет,") and rows[1].to_dict()["is_right"] is None


def test_files_say_what_was_read() -> None:
    rows = (BatchRow("a.png", "=1+1", 0.5, "x"), BatchRow("b.png", "go", 1.0))
    assert table_of(rows).splitlines() == ["file,text,confidence,is_doubtful,label,is_right",
                                           "a.png,'=1+1,0.5000,no,x,no", "b.png,go,1.0000,no,,"]  # fmt: skip
    told = json.loads(document_of(rows, {"recipe": {}}))
    assert told["accuracy"] == 0.0
    assert told["crops"][1] == {"file": "b.png", "text": "go", "confidence": 1.0, "is_doubtful": False}


def test_files_say_which_readings_are_doubtful_and_why() -> None:
    rows = (BatchRow("a.png", "x", 0.2, is_doubtful=True, notices=("It is grey.", "It is small.")),
            BatchRow("b.png", problem="damaged"))  # fmt: skip
    assert table_of(rows).splitlines() == [
        "file,text,confidence,is_doubtful,notices,problem",
        "a.png,x,0.2000,yes,It is grey. It is small.,",
        "b.png,,0.0000,,,damaged",
    ]
    grey, damaged = json.loads(document_of(rows, {}))["crops"]
    assert grey["is_doubtful"] and grey["notices"] == ["It is grey.", "It is small."] and "is_doubtful" not in damaged


def test_an_evenly_grey_crop_of_a_batch_is_doubtful_with_its_reason(
    cache: ModelCache, tiny_family: ModelFamily
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 20), (128, 128, 128)).save(buffer, "PNG")
    pipeline = TextRecognitionPipeline(cache, tiny_family)
    ((row,),) = [
        step.rows for step in read_batch(pipeline, {"grey.png": buffer.getvalue()}, {}, ReadingOptions(), None)
    ]
    assert row.is_doubtful and row.text == "" and "one even tone" in " ".join(row.notices)
