"""What each family's network can do, told from its record alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.abilities import abilities_of, check_options, check_questions
from pipelines.text_recognition.family import IGTR_FAMILY
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.options import PROCEDURES, ReadingOptions
from pipelines.text_recognition.trocr import TROCR_FAMILIES, TROCR_SMALL


def test_the_embedded_network_lacks_nothing() -> None:
    able = abilities_of(IGTR_FAMILY)
    assert able.procedures == tuple(PROCEDURES) and able.can_be_asked and not able.reads_lines and able.why == ""


@pytest.mark.parametrize("family", TROCR_FAMILIES, ids=lambda family: family.name)
def test_trocr_only_reads_lines(family: object) -> None:
    able = abilities_of(family)  # type: ignore[arg-type]
    assert not able.can_be_asked and able.reads_lines and "only reads" in able.why


def test_the_authors_network_has_no_columns() -> None:
    assert set(PROCEDURES) - set(abilities_of(IGTR_AUTHORS).procedures) == {"ctc"}
    check_questions(IGTR_AUTHORS)
    check_options(IGTR_AUTHORS, ReadingOptions("verification", pattern="a?"))
    with pytest.raises(UserError, match=r"'ctc'; igtr-authors knows parallel, autoregressive"):
        check_options(IGTR_AUTHORS, ReadingOptions("ctc"))


def test_what_cannot_be_followed_is_named() -> None:
    check_options(TROCR_SMALL, None)
    with pytest.raises(UserError, match="Leave out pattern, charset"):
        check_options(TROCR_SMALL, ReadingOptions(pattern="a?", charset="digits"))
    with pytest.raises(UserError, match="embedded network to ask"):
        check_questions(TROCR_SMALL)


def test_nothing_is_loaded_to_tell() -> None:
    code = "import sys, pipelines.text_recognition.any_reader; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
