"""Seconds and peak memory of a command in a process of its own.

The command is started by a small process in between: a child counts its parent's memory at the moment of the start as
its own, and a benchmark that has just written checkpoints is larger than what it measures.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BETWEEN = """
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
spent = usage.ru_utime + usage.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), time.perf_counter() - began, spent, usage.ru_maxrss]))
"""


@dataclass(frozen=True)
class Cost:
    """Wall seconds, seconds of processors, and peak resident bytes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def cost_of(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run `command` (its first word a path) in `folder`; `environment` is added to this process's.

    Raises:
        RuntimeError: it failed; its last line is told.
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", BETWEEN, *command],
        cwd=folder, env=os.environ | dict(environment or {}), capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    status, seconds, spent, peak = json.loads(done.stdout.splitlines()[-1])
    if status != 0:
        words = [*done.stdout.splitlines()[:-1], *done.stderr.splitlines()]
        raise RuntimeError(f"{' '.join(command[1:4])} failed: {words[-1:]}")
    return Cost(seconds, spent, peak * (1 if platform.system() == "Darwin" else 1024))


def anonymous_bytes() -> int:
    """Memory of this process that no file stands behind, as Linux counts it.

    Raises:
        OSError: another system.
    """
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
