"""The λ fader: what its box can send, what a handler gets, and what the browser is given."""

from __future__ import annotations

import re

import pytest

from demos.lab_work import checked
from demos.log_fader import LIMITS, MARKS, LogFader
from pipelines.lab.axes import THRESHOLD_LIMITS
from pipelines.shared.errors import UserError


@pytest.mark.parametrize(
    ("sent", "got"),
    [(0.405, 0.405), (7, 7.0), (0, 0.0), (200, 100.0), (-3, 0.0), (None, 0.3), ("2", 0.3), (True, 0.3),
     (float("nan"), 0.3), (0.30000000000000004, 0.3)],
)  # fmt: skip
def test_a_number_is_lambda_itself_as_far_as_recipes_go(sent: object, got: float) -> None:
    assert LogFader(0.3).preprocess(sent) == got


def test_a_document_s_lambda_is_checked() -> None:
    assert checked("lambda", LogFader(), 0.5) == 0.5
    for value in (200.0, "0.5"):
        with pytest.raises(UserError, match=r"lambda lies between 0\.0 and 100\.0"):
            checked("lambda", LogFader(), value)


def test_the_knob_moves_over_the_logarithm_between_the_limits_of_a_sweep() -> None:
    page = LogFader(marks=MARKS, label="λ mef").html_template
    low, high = (float(one) for one in re.findall(r'type="range" min="(.*?)" max="(.*?)"', page)[0])
    assert (10**low, 10**high) == pytest.approx(LIMITS, rel=0.003) and LIMITS == THRESHOLD_LIMITS
    ticks = {float(at): said for at, said in re.findall(r'--at:(.*?)">(.*?)</i>', page)}
    assert ticks[0.45] == "0.4" and ticks[0.65] == "1" and list(ticks) == sorted(ticks) and len(ticks) == 8
    assert ticks[0.39] == "&nbsp;"  # 0.3 would touch 0.2


def test_it_is_switched_off_by_a_class_and_says_why() -> None:
    fader = LogFader(label="<b>", infos=("higher keeps fewer", "needs a mask"), interactive=False)
    assert (fader.info, fader.elem_classes) == ("needs a mask", ["off"])
    assert "needs a mask" in fader.html_template and "higher keeps fewer" in fader.html_template
    assert "<b>" not in fader.html_template and "&lt;b&gt;" in fader.html_template
    on, off = fader.able(True), fader.able(False)
    assert (on["elem_classes"], on["info"]) == ([], "higher keeps fewer") and off["elem_classes"] == ["off"]
    again = LogFader(infos=fader.infos, **{key: one for key, one in on.items() if key != "__type__"})
    assert (again.info, again.elem_classes) == ("higher keeps fewer", [])  # as the server makes it anew
