"""Which fonts words are rendered in here: `python -m pipelines.shared.synthetic.font_lock` writes fonts.lock.json.

Debian packages with their versions, the licences that their copyright files declare for the fonts, and how many
families and faces of each are used. Where a file declares none by name, the licences that its text names stand, and
`is_declared` is false.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.shared.errors import UserError
from pipelines.shared.synthetic.fonts import FontFace, installed_fonts

LOCK = Path(__file__).with_name("fonts.lock.json")
DOCUMENTS = Path("/usr/share/doc")
NAMED = {
    "OFL-1.1": "SIL Open Font License", "Apache-2.0": "Apache License", "public-domain": "public domain",
    "LPPL": "LaTeX Project Public License", "GUST-Font-License": "GUST Font", "MIT": "MIT License",
    "LGPL": "Lesser General Public", "GPL": "GNU General Public", "free-for-any-use": "free for any use",
}  # fmt: skip


def lock(faces: Sequence[FontFace]) -> dict[str, Any]:
    """What these faces come from.

    Returns:
        "families", "faces": how many; "faces_sha256": of their names in order; "packages": name -> {"version",
        "licences", "is_declared", "families", "faces"}. Faces of no package stand under "".
    """
    by_package: dict[str, list[FontFace]] = defaultdict(list)
    owners = packages_of([face.path for face in faces])
    for face in faces:
        by_package[owners.get(face.path, "")].append(face)
    names = "".join(f"{face.family}\0{face.style}\n" for face in faces)
    return {
        "families": len({face.family for face in faces}),
        "faces": len(faces),
        "faces_sha256": hashlib.sha256(names.encode()).hexdigest(),
        "packages": {name: _entry(name, by_package[name]) for name in sorted(by_package)},
    }


def _entry(package: str, faces: Sequence[FontFace]) -> dict[str, Any]:
    counts = {"families": len({face.family for face in faces}), "faces": len(faces)}
    if not package:
        return {"version": "", "licences": [], "is_declared": False, **counts}
    copyright_file = DOCUMENTS / package / "copyright"
    text = copyright_file.read_text(encoding="utf-8", errors="replace") if copyright_file.is_file() else ""
    declared = declared_licences(text)
    version = _asked("dpkg-query", "-W", "-f", "${Version}", package)
    return {"version": version, "licences": declared or named_licences(text), "is_declared": bool(declared), **counts}


def declared_licences(text: str) -> list[str]:
    """Short names of the licences of a Debian copyright file in its machine-readable form, the packaging's left out."""
    found = set()
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = dict(re.findall(r"^(Files|License):[ \t]*(.*?)[ \t]*$", paragraph, re.MULTILINE))
        files = fields.get("Files", "debian/*").split()
        if fields.get("License") and not all(name.startswith("debian/") for name in files):
            found.add(fields["License"])
    return sorted(found)


def named_licences(text: str) -> list[str]:
    """Licences that a text names, letter case and line breaks aside."""
    plain = " ".join(text.split()).lower()
    return sorted(name for name, words in NAMED.items() if words.lower() in plain)


def packages_of(paths: Sequence[str]) -> dict[str, str]:
    """Path -> the installed Debian package that owns it; what no package owns is left out.

    Raises:
        UserError: dpkg is not there.
    """
    patterns = [re.sub(r"([\\\[\]*?])", r"\\\1", path) for path in paths]
    answer = _asked("dpkg-query", "-S", *patterns)
    lines = (line.partition(": ") for line in answer.splitlines())
    return {path: owner.split(",")[0].split(":")[0] for owner, _, path in lines}


def _asked(*command: str) -> str:
    """What a program prints; dpkg-query fails where one path of many is unknown, and answers for the others."""
    if shutil.which(command[0]) is None:
        raise UserError(f"{command[0]} is not on this machine: the lock names Debian packages.")
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> int:
    """Write the lock; exit code."""
    try:
        found = lock(installed_fonts())
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    LOCK.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{LOCK}: {found['faces']} faces of {len(found['packages'])} packages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
