"""Menus and ticks whose choices follow the family.

An event may leave the page before the choices of another family arrive and be read after: the stock components refuse
its values then, with an error that nobody can mend. These pass them on; handlers know what a family has.
"""

from __future__ import annotations

from typing import Any

import gradio as gr


class Menu(gr.Dropdown):
    """A menu whose value may be one of another family."""

    def get_block_name(self) -> str:
        """Rendered by the stock menu; a subclass is otherwise looked up as a custom component."""
        return "dropdown"

    def preprocess(self, payload: Any) -> str | None:
        """The value, if it is a text."""
        return payload if isinstance(payload, str) else None


class Ticks(gr.CheckboxGroup):
    """Ticks of which some may be of another family."""

    def get_block_name(self) -> str:
        """Rendered by the stock group."""
        return "checkboxgroup"

    def preprocess(self, payload: Any) -> list[str | int | float]:
        """The texts that are ticked."""
        return [one for one in payload if isinstance(one, str)] if isinstance(payload, list) else []
