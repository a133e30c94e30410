"""What the server keeps of each opened page: its values, without gradio's copies of every component's settings."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig


class _OfVisitor(BlocksConfig):
    """Components and functions as one visitor has them."""

    @staticmethod
    def config_for_block(*_: Any, **__: Any) -> dict:
        """Nothing: gradio keeps these copies for links to a state of the page (deep links), which this page has not."""
        return {}


class _OfPage(BlocksConfig):
    """Components and functions of the page, copied for each visitor."""

    def __copy__(self) -> BlocksConfig:
        copied = super().__copy__()
        copied.__class__ = _OfVisitor
        return copied


def light_sessions(page: gr.Blocks) -> None:
    """Make a visitor of this finished page cost 0.3 MB of memory instead of 2.

    With the copies each one that ever came, a script's call too, left some 7,000 objects behind.
    """
    page.default_config.__class__ = _OfPage
