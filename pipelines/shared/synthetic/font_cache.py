"""What the scan of the fonts found, kept in the user's cache folder: looking at a thousand faces takes half a minute.

An entry holds for exactly the files it was made of (names, sizes, times of change) and for the code that looked at
them. One that cannot be read is made anew; where nothing can be written, the scan is done each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.shared.errors import UserError
from pipelines.shared.weights import whole_file

Entry = tuple[str, str, str, bool]  # family, style, path, unicase
KEPT = 4  # scans of as many sets of folders


def remembered(files: Sequence[Path], code: bytes, scan: Callable[[], Sequence[Entry]]) -> tuple[Entry, ...]:
    """What `scan` says of these files: from the cache, or from the scan, which is then kept.

    Args:
        code: changes with what `scan` does.
    """
    path = cache_folder() / f"fonts-{_key(files, code)}.json"
    found = _read(path)
    if found is None:
        found = tuple(scan())
        with contextlib.suppress(UserError, OSError):
            _keep(path, found)
    return found


def cache_folder() -> Path:
    """Where this user's programs keep what they can make again, by the XDG base directory specification."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "mixdeck"


def _key(files: Sequence[Path], code: bytes) -> str:
    digest = hashlib.sha256(code)
    for file in files:
        about = file.stat()
        digest.update(f"{file}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _read(path: Path) -> tuple[Entry, ...] | None:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_checked(entry) for entry in entries)
    except (OSError, ValueError, TypeError):
        return None


def _checked(entry: list) -> Entry:
    """Raises ValueError where an entry is none."""
    if [type(value) for value in entry] != [str, str, str, bool]:
        raise ValueError(entry)
    family, style, path, unicase = entry
    return family, style, path, unicase


def _keep(path: Path, entries: Sequence[Entry]) -> None:
    with whole_file(path) as draft:
        draft.write_text(json.dumps(entries), encoding="utf-8")
    by_age = sorted(path.parent.glob("fonts-*.json"), key=lambda one: one.stat().st_mtime_ns)
    for old in by_age[:-KEPT]:
        old.unlink(missing_ok=True)
