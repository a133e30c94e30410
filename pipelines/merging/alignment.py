"""The record of optimal-transport fusion, apart from its code: naming it loads no tensor library."""

from __future__ import annotations

from pipelines.merging.method import OfflineMethod, Setting

OPTIMAL_TRANSPORT = OfflineMethod(
    name="optimal_transport",
    title="Optimal-transport fusion",
    group="alignment",
    paper="arXiv:2310.05719",
    formula="W = (1 - α) diag(m) Tᵀ W_s diag(n) T + α W_a,  T the cheapest plan between their neurons",
    settings=(
        Setting("epsilon", "Softness ε", 0.08, "Of the plans; 0 matches neurons one to one", 0.0, 1.0, 0.01),
        Setting("anchor_share", "Anchor's share", 0.5, "1 is the anchor"),
        Setting("samples", "Samples", 16.0, "Of each task, by which neurons are matched", 1.0, 4096.0, 1.0),
        Setting(
            "by",
            "Matched by",
            "activations",
            "What neurons do on samples, or the weights that come into them",
            choices=("activations", "weights"),
        ),
        Setting(
            "residual",
            "Residual stream",
            "mean",
            "What plans of its sites count; weighted: by mean |activation|",
            choices=("mean", "weighted", "first", "last", "identity"),
        ),
        Setting(
            "heads",
            "Heads",
            "whole",
            "Matched whole, then inside; mixed: as one width (published)",
            choices=("whole", "mixed"),
        ),
    ),
    needs="networks that were not tuned from one base, and about 200 samples or none",
    cost="n m for each round and stream, then two products for each tensor",
    entry="transported:transported",
    feeds=("pair", "alignment", "samples"),
)
