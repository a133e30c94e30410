"""Checkpoints of the Hugging Face Hub: pinned by commit, safetensors only, from the local cache unless told so."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.shared.errors import UserError

PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model"]


def parse(reference: str, is_pinned: bool = True) -> tuple[str, str]:
    """Repository and commit of "owner/name@commit"; not pinned, any revision. Raises UserError on anything else."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    repository, _, revision = reference.partition("@")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"{reference!r} is not owner/name@commit: {error}") from error
    if not is_pinned and re.fullmatch(r"[\w][\w./-]*|", revision):
        return repository, revision or "main"
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UserError(f"{repository}: revision {revision!r}; pin the full commit, 40 hex digits.")
    return repository, revision


def download_command(reference: str) -> str:
    """What fetches "owner/name@commit" into the local cache."""
    repository, _, revision = reference.partition("@")
    return f"hf download {repository} --revision {revision}"


def snapshot(reference: str, may_download: bool = False, is_pinned: bool = True) -> Path:
    """Folder of a checkpoint.

    Args:
        is_pinned: the reference must name the commit; else a branch or tag will do, and none is "main".

    Raises:
        UserError: it is not in the local cache and may not (or cannot) be downloaded.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    repository, revision = parse(reference, is_pinned)
    try:
        return Path(
            snapshot_download(repository, revision=revision, allow_patterns=PATTERNS, local_files_only=not may_download)
        )
    except (LocalEntryNotFoundError, ConnectionError) as error:
        raise UserError(
            f"{repository} is not in the local cache and the network is off. Use the embedded model, or run "
            f"`{download_command(f'{repository}@{revision}')}`.",
            title="Model not on this machine",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UserError(f"The Hub has no {repository} at {revision}, or it wants a login.") from error
