"""A visitor's share of the server's memory."""

from __future__ import annotations

from copy import copy

import gradio as gr
from gradio.state_holder import SessionState

from demos.sessions import light_sessions


def page_of_two() -> tuple[gr.Blocks, gr.State, gr.Slider]:
    with gr.Blocks() as page:
        kept, fader = gr.State([1]), gr.Slider(0, 1, value=0.5)
        fader.change(lambda value: [value], fader, kept)
    return page, kept, fader


def test_a_session_holds_no_settings_of_components() -> None:
    page, _, fader = page_of_two()
    assert list(SessionState(page).components)
    light_sessions(page)
    session = SessionState(page)
    session._update_value_in_config(fader._id, 0.7)
    assert not list(session.components)


def test_a_session_keeps_its_own_states() -> None:
    page, kept, _ = page_of_two()
    light_sessions(page)
    first, second = SessionState(page), SessionState(page)
    first[kept._id] = [2]
    assert first[kept._id] == [2]
    assert second[kept._id] == [1]


def test_the_page_itself_is_served_with_all_settings() -> None:
    page, *_ = page_of_two()
    before = page.get_config_file()["components"]
    light_sessions(page)
    assert page.get_config_file()["components"] == before
    assert copy(page.default_config).blocks.keys() == page.default_config.blocks.keys()
