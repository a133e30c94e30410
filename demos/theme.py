"""How the page looks: system fonts, neutral greys, one accent, and one colour per expert."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

# Told apart with the common colour blindnesses (Okabe and Ito 2008); an expert keeps its colour everywhere.
EXPERT_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a08a00", "#6b6b6b")

_FOLDER = Path(__file__).resolve().parent
CSS = (_FOLDER / "page.css").read_text(encoding="utf-8")
JS = (_FOLDER / "page.js").read_text(encoding="utf-8")

THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="zinc",
    text_size="sm",
    spacing_size="sm",
    radius_size="sm",
    font=["ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
).set(
    color_accent="*primary_700",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_400",
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    block_border_width="1px",
    block_shadow="none",
    block_label_background_fill="*block_background_fill",
    block_label_background_fill_dark="*block_background_fill",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_text_color="white",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    slider_color="*primary_600",
    slider_color_dark="*primary_500",
)
