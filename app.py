"""Serves the page. Flags first, so that `--help` costs nothing; torch only after the page is up."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from demos.limits import Limits
    from demos.tab import Workshop

ROOT = Path(__file__).resolve().parent
PUBLIC_HELP = "smaller limits, for a server that strangers use; also by MIXDECK_PUBLIC=1, and on a Space"
VECTORS_HELP = "task vectors in memory; float16 takes half and changes mixes by 2e-4 of what they add"
BANKS_HELP = "folder to keep families in as they are merged: mapped at the next start, which takes milliseconds"
MCP_EXTRA = '--mcp needs an extra: pip install "gradio[mcp]"'
QUIET_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


def parse_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    """Flags of the page; `arguments` None reads the command line."""
    parser = argparse.ArgumentParser(prog="app.py", description="Serve the Mixdeck page.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="port (default %(default)s)")
    parser.add_argument("--share", action="store_true", help="open a public tunnel; anyone with the link can use it")
    parser.add_argument("--public", action="store_true", help=PUBLIC_HELP)
    parser.add_argument("--mcp", action="store_true", help="also serve the endpoints as MCP tools")
    parser.add_argument("--device", help="cpu, cuda or mps (default MIXDECK_DEVICE, else cpu)")
    parser.add_argument("--precision", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--vectors", choices=("float32", "float16"), default="float32", help=VECTORS_HELP)
    parser.add_argument("--banks", type=Path, metavar="FOLDER", help=BANKS_HELP)
    parser.add_argument("--cache-gb", type=float, default=None, help="memory for merged models, in GB")
    return parser.parse_args(arguments)


def on_space() -> bool:
    """Whether this is a Space of the Hub."""
    return "SPACE_ID" in os.environ


def is_public(flags: argparse.Namespace) -> bool:
    """Whether strangers use the page: by --public, by MIXDECK_PUBLIC, or as it is a Space."""
    asked = os.environ.get("MIXDECK_PUBLIC", "").strip().lower()
    return flags.public or on_space() or asked not in ("", "0", "false", "no", "off")


def limits_of(flags: argparse.Namespace) -> Limits:
    """What visitors may take."""
    from demos.limits import PRIVATE, PUBLIC

    return PUBLIC if is_public(flags) else PRIVATE


def launch_options(flags: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of `Blocks.launch` for these flags."""
    from importlib.util import find_spec

    from demos.theme import CSS, JS, THEME

    return {
        "server_name": None if on_space() else flags.host,
        "server_port": None if on_space() else flags.port,
        "share": flags.share and not on_space(),
        "show_error": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "max_file_size": limits_of(flags).upload,
        "mcp_server": flags.mcp or (on_space() and find_spec("mcp") is not None),
        "state_session_capacity": 500,
        "footer_links": ["api", "settings"],
        "theme": THEME,
        "css": CSS,
        "js": JS,
    }


def build_workshop(flags: argparse.Namespace) -> Workshop:
    """The cache and what the tabs share; no torch is imported and no file is read."""
    from demos.memory import few_arenas
    from demos.tab import Workshop
    from pipelines.shared.bank import Banks
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.device import chosen_device

    few_arenas()
    ram_bytes = None if flags.cache_gb is None else int(flags.cache_gb * 1e9)
    assets = ROOT / "assets"
    device = chosen_device(flags.device)
    banks = None if flags.banks is None else Banks(flags.banks)
    cache = ModelCache(assets, device, flags.precision, flags.vectors, banks, ram_bytes)
    return Workshop(cache, assets)


def build_app(workshop: Workshop, limits: Limits | None = None) -> gr.Blocks:
    """The page: header, a tab per row of the registry, status bar, endpoints; without limits, as for oneself."""
    from demos.limits import PRIVATE
    from demos.page import build_page

    return build_page(workshop, limits or PRIVATE).blocks


def check_flags(flags: argparse.Namespace) -> None:
    """Exits with one line when a flag, or a variable that stands for one, cannot be honoured."""
    from importlib.util import find_spec

    from pipelines.shared.device import budget_bytes, chosen_device, size_in_bytes
    from pipelines.shared.errors import UserError

    try:
        chosen_device(flags.device)
        if flags.cache_gb is not None:
            size_in_bytes("--cache-gb", str(flags.cache_gb))
        for variable in ("MIXDECK_RAM_GB", "MIXDECK_VRAM_GB"):
            budget_bytes(variable)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    if is_public(flags) and os.environ.get("GRADIO_VIBE_MODE"):
        raise SystemExit("error: GRADIO_VIBE_MODE lets visitors edit the program; unset it to serve a public page.")
    if flags.mcp and find_spec("mcp") is None:
        raise SystemExit(MCP_EXTRA)
    if flags.share:
        logging.warning("--share: anyone who has the link can use this page and its memory.")


def warm(workshop: Workshop) -> None:
    """Imports torch and loads the families of the tabs, so that the first movement of a fader does not wait."""
    from demos.registry import TABS

    try:
        for tab in TABS:
            tab.warm(workshop)
    except Exception:
        logging.getLogger("mixdeck").exception("warming failed; the first run loads the models instead")


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted."""
    flags = parse_flags(arguments)
    for name, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    check_flags(flags)
    workshop = build_workshop(flags)
    page = build_app(workshop, limits_of(flags))
    page.launch(**launch_options(flags), prevent_thread_lock=True)
    if flags.mcp and page.mcp_error:  # installed, but not as this gradio wants it: gradio would serve without it
        raise SystemExit(f"{MCP_EXTRA}\n{page.mcp_error}")
    threading.Thread(target=warm, args=(workshop,), daemon=True, name="warm").start()
    page.block_thread()


if __name__ == "__main__":
    main()
