"""The folder batch of the fusion tab: many files or a zip, matched by name; a zip of pictures and a table back."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demos.batch_view import BatchView, BatchWords, Results
from demos.sight import Updates, Values
from demos.steps import new_file, progress_bar
from demos.tab import BESIDE_QUEUE, told
from pipelines.shared.archives import gathered

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.batch import BatchStep, Matches

MOST_LISTED = 30
ARCHIVE = "mixdeck-fusion-batch.zip"


class FusionBatch(BatchView):
    """Scenes, whose frames are found by name; what was matched is shown when the files are dropped."""

    words = BatchWords(
        title="Folder batch",
        about="Drop a zip, or all files at once. Frames of one scene are matched by name: street_ir.png and "
        "street_vis.png, room_A.png and room_B.png, cup_over and cup_under, or a number at the end. They are fused "
        "with the settings and the mix of the page.",
        files="A zip, or many pictures",
        verb="Fuse all",
        doing="Fusing",
        missing=("There is no file yet: drop a zip or some pictures.", "Nothing to fuse"),
        opening="Matching names…",
        stopping="Stopping after this scene…",
        results="Pictures and metrics.csv",
    )

    def wire(self, inputs: set[Any], job_of: Any) -> None:
        """Also tells what belongs together."""
        super().wire(inputs, job_of)
        beside: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}
        self.files.change(told(self.when_dropped), inputs, [self.matched], **beside)

    def when_dropped(self, values: Values) -> Updates:
        """What belongs together, and every name that fits nothing."""
        from pipelines.fusion.batch import match_pairs

        if not values[self.files]:
            return {self.matched: ""}
        return {self.matched: match_lines(match_pairs(tuple(gathered(values[self.files]))))}

    def begun(self, job: Job, values: Values) -> tuple[Iterator[BatchStep], Results]:
        """A scene at a time."""
        out = new_file(ARCHIVE)
        return batch_steps(self._sight.bench, gathered(values[self.files]), job, out), lambda step: str(out)

    def shown(self, steps: Sequence[BatchStep], word: str) -> Updates:
        """How far, what could not be fused, and what the table warns of."""
        lines = [f"{step.stem}: {step.problem}" for step in steps if step.problem]
        lines += [f"{step.stem}: {one.text}" for step in steps for one in step.notices if one.level == "warning"]
        return {self.progress: progress_lines(steps[-1], lines, word)}


def batch_steps(bench: Any, files: dict[str, bytes], job: Job, out: Path) -> Iterator[BatchStep]:
    """`run_batch` on the bench's pipeline with the options and the mix of a job."""
    from pipelines.fusion.batch import run_batch
    from pipelines.shared.recipe_file import RecipeDocument

    options = job.options.to_dict() | job.placement.to_dict()
    document = RecipeDocument("fusion", bench.family.name, job.recipe, options)
    return run_batch(bench.pipeline, files, document, bench.cache.assets, out)


def match_lines(matches: Matches) -> str:
    """The scenes that were found and the names that fit none."""
    scenes = [f"{one.stem}: {' + '.join(Path(name).name for name in one.names)}" for one in matches.groups]
    parts = [f"<p><b>{len(scenes)} scene{'s' if len(scenes) != 1 else ''}</b></p>", _listed(scenes)]
    if matches.unmatched:
        parts += [
            "<p class=warning>left out, for no other name fits, or more than one:</p>",
            _listed(list(matches.unmatched)),
        ]
    return f'<div class="notices">{"".join(parts)}</div>'


def _listed(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return "".join(f"<p>{html.escape(line)}</p>" for line in [*lines[:MOST_LISTED], *more])


def progress_lines(step: BatchStep, lines: Sequence[str], word: str) -> str:
    """How far a batch is, and what is to be said of its scenes."""
    bar = progress_bar(step.done, step.total, f"{word}: {step.done} of {step.total}, last {step.stem}")
    return f'{bar}<div class="notices">{_listed(lines)}</div>'
