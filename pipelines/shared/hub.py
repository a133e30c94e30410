"""Checkpoints of the Hugging Face Hub: pinned by commit, safetensors only, from the local cache unless told so."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.shared.errors import UserError

PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model"]


def parse(reference: str) -> tuple[str, str]:
    """Repository and commit of "owner/name@commit". Raises UserError on anything else."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    repository, _, revision = reference.partition("@")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"{reference!r} is not owner/name@commit: {error}") from error
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UserError(f"{repository}: revision {revision!r}; pin the full commit, 40 hex digits.")
    return repository, revision


def snapshot(reference: str, may_download: bool = False) -> Path:
    """Folder of a checkpoint.

    Raises:
        UserError: it is not in the local cache and may not (or cannot) be downloaded.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    repository, revision = parse(reference)
    try:
        return Path(
            snapshot_download(repository, revision=revision, allow_patterns=PATTERNS, local_files_only=not may_download)
        )
    except (LocalEntryNotFoundError, ConnectionError) as error:
        raise UserError(
            f"{repository} is not in the local cache and the network is off. Use the embedded model, or run "
            f"`hf download {repository} --revision {revision}`.",
            title="Model not on this machine",
        ) from error
