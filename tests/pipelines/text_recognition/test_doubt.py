from __future__ import annotations

from pipelines.text_recognition.doubt import doubt_of, reasons_for_doubt

SURE = [0.99] * 4


def test_a_sure_reading_that_the_columns_share_is_not_doubted() -> None:
    assert reasons_for_doubt("OPEN", 0.9, SURE, "OPEN") == ()
    assert reasons_for_doubt("OPEN", 0.9, SURE, "0PEN") == ()


def test_each_sign_of_doubt_is_named() -> None:
    assert "20%" in reasons_for_doubt("OPEN", 0.2, SURE, "OPEN")[0]
    assert "not confirmed" in reasons_for_doubt("OPEN", 0.9, [0.1, 0.2, 0.9, 0.3], "OPEN")[0]
    assert "'XY'" in reasons_for_doubt("OPEN", 0.9, SURE, "XY")[0]
    assert "show no text" in reasons_for_doubt("OPEN", 0.9, SURE, "")[0]


def test_the_sentence_names_reading_and_reasons() -> None:
    sentence = doubt_of("OPEN", ("one", "two"))
    assert sentence.startswith("'OPEN' is doubtful: one; two.") and "script" in sentence
