"""Eight visitors at once: all are answered, each with the own mix, and memory comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos.examples import Example, read_examples
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.registry import family

VISITORS = 8
MOST_GROWTH = 1.05
# A page in a process of its own; a line to it frees what can be made again, and it answers with its resident bytes.
SERVER = """
import sys
import app, psutil

flags = app.parse_flags([])
workshop = app.build_workshop(flags)
options = app.launch_options(flags) | {"server_port": None, "quiet": True}
_, url, _ = app.build_app(workshop).launch(**options, prevent_thread_lock=True)
print("at", url, flush=True)
for _ in sys.stdin:
    workshop.free()
    print(psutil.Process().memory_info().rss, flush=True)
"""
CLIENTS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from gradio_client import Client, handle_file

address, frames, recipes = json.loads(sys.argv[1])

def ask(recipe):
    first, second = map(handle_file, frames)
    client = Client(address, verbose=False, httpx_kwargs={"timeout": 60})
    path, about = client.predict(first=first, second=second, recipe=recipe, api_name="/fuse")
    return path, about["recipe_hash"]

with ThreadPoolExecutor(len(recipes)) as pool:
    print(json.dumps(list(pool.map(ask, recipes))))
"""


@pytest.fixture(scope="module")
def example(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Example:
    """The first example at half its width and height: 32 runs of it on one core are long enough."""
    whole = read_examples(root / "assets" / "examples" / "fusion")[0]
    folder = tmp_path_factory.mktemp("frames")
    halves = tuple(folder / path.name for path in whole.frames)
    for path, half in zip(whole.frames, halves, strict=True):
        Image.open(path).reduce(2).save(half)
    return replace(whole, frames=halves)


@pytest.fixture(scope="module")
def direct(root: Path, example: Example) -> Callable[[MergeRecipe], np.ndarray]:
    """The example fused by a pipeline of its own, no server involved."""
    from pipelines.fusion.inputs import load_frames
    from pipelines.fusion.options import FusionOptions
    from pipelines.fusion.pipeline import FusionPipeline
    from pipelines.shared.cache import ModelCache

    options, pipeline = FusionOptions(task=example.task), FusionPipeline(ModelCache(root / "assets"))
    frames = load_frames([str(path) for path in example.frames], options)
    return lambda recipe: pipeline(frames, options, recipe).fused


def recipe_of(visitor: int, scale: float) -> MergeRecipe:
    """A mix that no other visitor asks for."""
    fusenet = family("fusenet")
    pairs = tuple((task, round(0.1 * visitor + 0.2 * k, 2)) for k, task in enumerate(fusenet.tasks))
    return replace(fusenet.default, coefficients=pairs, scale=scale)


def ask_all(address: str, example: Example, recipes: list[MergeRecipe]) -> list[tuple[np.ndarray, str]]:
    """Every recipe's picture and the hash it came with; asked at once, from a process of its own."""
    question = [address, [str(path) for path in example.frames], [recipe_to_dict(recipe) for recipe in recipes]]
    done = subprocess.run([sys.executable, "-c", CLIENTS, json.dumps(question)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [(np.asarray(Image.open(path)), mark) for path, mark in json.loads(done.stdout)]


class Server:
    """The page, and what it holds."""

    def __init__(self, root: Path) -> None:
        # One thread, as the direct computation here has: sums over two are rounded in another order.
        self.process = subprocess.Popen([sys.executable, "-c", SERVER], cwd=root, text=True, stdin=subprocess.PIPE,
                                        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        self.url = self._answer("at ")

    def _answer(self, start: str = "") -> str:
        assert self.process.stdout is not None
        return next(line for line in self.process.stdout if line.startswith(start)).removeprefix(start).strip()

    def resident_bytes(self, longest_s: float = 10) -> int:
        """Once all that can be made again is dropped; the least within a while, for threads end late."""
        assert self.process.stdin is not None
        least, last = sys.maxsize, time.monotonic() + longest_s
        while time.monotonic() < last:
            self.process.stdin.write("free\n")
            self.process.stdin.flush()
            now = int(self._answer())
            if now >= least:
                break
            least = now
            time.sleep(0.5)
        return least


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    """A page of its own."""
    running = Server(root)
    yield running
    running.process.communicate()  # its input ends, and so does it


def test_eight_visitors_at_once_get_their_own_pictures_and_memory_comes_back(
    server: Server, example: Example, direct: Callable[[MergeRecipe], np.ndarray]
) -> None:
    for scale in (0.3, 0.4):  # until every thread has its buffers and the heap its shape
        ask_all(server.url, example, [recipe_of(visitor, scale) for visitor in range(VISITORS)])
    recipes = [recipe_of(visitor, 0.5) for visitor in range(VISITORS)]
    expected = [direct(recipe) for recipe in recipes]
    before = server.resident_bytes()
    for recipe, wanted, (picture, mark) in zip(recipes, expected, ask_all(server.url, example, recipes), strict=True):
        assert mark == recipe_hash(recipe)
        assert np.array_equal(picture, wanted)
    assert server.resident_bytes() <= before * MOST_GROWTH


def test_the_visitors_recipes_give_different_pictures(direct: Callable[[MergeRecipe], np.ndarray]) -> None:
    assert not np.array_equal(direct(recipe_of(0, 0.5)), direct(recipe_of(VISITORS - 1, 0.5)))
