"""One request to a batch of crops: the procedure, then refinement, or the word list instead of both."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.procedures.assembly import read_by_assembly
from pipelines.text_recognition.procedures.autoregressive import read_autoregressive
from pipelines.text_recognition.procedures.ctc import read_ctc
from pipelines.text_recognition.procedures.lexicon import read_from_lexicon
from pipelines.text_recognition.procedures.parallel import read_parallel
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.procedures.refinement import refine
from pipelines.text_recognition.procedures.verification import read_by_verification
from pipelines.text_recognition.reader import Reader

READERS: dict[str, Callable[[Reader], Reading]] = {
    "parallel": read_parallel,
    "autoregressive": read_autoregressive,
    "ctc": read_ctc,
    "verification": read_by_verification,
    "assembly": read_by_assembly,
}


def read(reader: Reader, options: ReadingOptions) -> Reading:
    """Read every crop of the batch; the reader carries the constraint of the options.

    Raises:
        UserError: the procedure cannot follow a pattern, or the word list has no word that obeys the constraint.
    """
    if options.lexicon:
        return read_from_lexicon(reader, options.lexicon)
    reading = READERS[options.procedure](reader).tempered(reader.temperatures.of_own(options.procedure))
    if not options.refinements:
        return reading
    from pipelines.text_recognition.lookalikes import LOOKALIKES

    lookalikes = LOOKALIKES if options.lookalikes else None
    return refine(reader, reading, options.doubt_threshold, options.refinements, lookalikes)
