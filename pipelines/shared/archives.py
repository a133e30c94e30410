"""Archives that a person brings, read into memory within limits; nothing is written."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from pipelines.shared.errors import UserError

MOST_MEMBERS = 200
MOST_EXPANDED_BYTES = 200_000_000
MOST_RATIO = 100
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
ARCHIVE_TITLE = "Cannot read this archive"


def gathered(paths: Sequence[str], suffixes: Sequence[str] = SUFFIXES) -> dict[str, bytes]:
    """Name -> bytes of the files that were dropped, archives unpacked. Raises UserError as `read_archive` does."""
    files: dict[str, bytes] = {}
    for path in map(Path, paths):
        members = read_archive(path, suffixes) if path.suffix.lower() == ".zip" else {path.name: path.read_bytes()}
        if twice := sorted(set(files) & set(members)):
            raise UserError(
                f"{twice[0]} came twice; give every file a name of its own, or pack the folders as a zip, which keeps "
                "their names.", "Names are not clear",
            )  # fmt: skip
        files |= members
        if _are_too_many(files) or sum(map(len, files.values())) > MOST_EXPANDED_BYTES:
            raise UserError(
                f"A batch takes {MOST_MEMBERS} pictures and {MOST_EXPANDED_BYTES // 1_000_000} MB at most.", "Too much"
            )
    return files


def read_archive(source: bytes | str | Path, suffixes: Sequence[str] = SUFFIXES) -> dict[str, bytes]:
    """Files of a zip with one of these endings, name -> bytes, read into memory within limits; nothing is written.

    Folders, hidden files and files with other endings are passed over.

    Raises:
        UserError: not a zip, damaged, encrypted, a name that leaves the archive, a link, or a limit is passed:
            200 pictures (and as many other files), 200 MB expanded, 100 times the packed size.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with zipfile.ZipFile(stream) as archive:
            return _read_members(archive, suffixes)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError("The archive is not a sound zip file. Pack it again.", ARCHIVE_TITLE) from error


def _read_members(archive: zipfile.ZipFile, suffixes: Sequence[str]) -> dict[str, bytes]:
    named = ((_safe_name(member, suffixes), member) for member in archive.infolist())
    kept = {name: member for name, member in named if name is not None}
    if _are_too_many(kept):
        raise UserError(
            f"The archive has {len(kept)} files to read; it may have {MOST_MEMBERS} pictures at most.", ARCHIVE_TITLE
        )
    files: dict[str, bytes] = {}
    expanded = 0
    for name, member in kept.items():
        files[name] = _read_member(archive, member, MOST_EXPANDED_BYTES - expanded)
        expanded += len(files[name])
    return files


def _are_too_many(names: Collection[str]) -> bool:
    """Pictures beyond the limit, or other files beyond it: labels beside a full batch are not too many."""
    pictures = sum(PurePosixPath(name).suffix.lower() in SUFFIXES for name in names)
    return max(pictures, len(names) - pictures) > MOST_MEMBERS


def _safe_name(member: zipfile.ZipInfo, suffixes: Sequence[str]) -> str | None:
    """The normalised name of a file; None for what is passed over."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", str(path)):
        raise UserError("The archive holds a name that leads out of it. Pack the pictures alone.", ARCHIVE_TITLE)
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UserError("The archive holds a link. Pack the pictures themselves.", ARCHIVE_TITLE)
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return None if member.is_dir() or is_hidden or path.suffix.lower() not in suffixes else str(path)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, room: int) -> bytes:
    """Counts what really comes out: the sizes that a header states are only a claim."""
    if member.flag_bits & 1:
        raise UserError("The archive is encrypted. Pack it without a password.", ARCHIVE_TITLE)
    limit = min(room, MOST_RATIO * max(member.compress_size, 1))
    with archive.open(member) as stream:
        content = stream.read(limit + 1)
    if len(content) <= limit:
        return content
    if limit == room:
        raise UserError(f"The archive expands to more than {MOST_EXPANDED_BYTES // 1_000_000} MB.", ARCHIVE_TITLE)
    raise UserError(f"A member of the archive expands to more than {MOST_RATIO} times its size.", ARCHIVE_TITLE)
