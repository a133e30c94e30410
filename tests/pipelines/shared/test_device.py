from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.shared.cache import ModelCache
from pipelines.shared.device import budget_bytes, chosen_device, free_bytes
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily


def test_a_budget_is_read_in_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXDECK_RAM_GB", "1.5")
    assert budget_bytes("MIXDECK_RAM_GB") == 1_500_000_000
    monkeypatch.delenv("MIXDECK_RAM_GB")
    assert budget_bytes("MIXDECK_RAM_GB") is None


@pytest.mark.parametrize("text", ["much", "-1", "0", "nan", "inf"])
def test_a_budget_that_is_no_size_is_refused_by_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXDECK_VRAM_GB", text)
    with pytest.raises(UserError, match=f"MIXDECK_VRAM_GB is '{text}'"):
        budget_bytes("MIXDECK_VRAM_GB")


def test_the_device_comes_from_the_flag_then_the_environment_then_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MIXDECK_DEVICE", raising=False)
    assert chosen_device() == "cpu"
    monkeypatch.setenv("MIXDECK_DEVICE", "cuda:1")
    assert (chosen_device(), chosen_device("mps")) == ("cuda:1", "mps")


@pytest.mark.parametrize(
    ("flag", "variable", "named"), [("abacus", "cpu", "--device"), (None, "cuda:x", "MIXDECK_DEV")]
)
def test_what_is_no_device_is_refused_by_where_it_came_from(
    flag: str | None, variable: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXDECK_DEVICE", variable)
    with pytest.raises(UserError, match=named):
        chosen_device(flag)


def test_the_processor_has_some_memory_free() -> None:
    assert free_bytes("cpu") > 1 << 20


def test_the_cache_keeps_to_the_budget_of_the_environment(
    toy_family: ModelFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXDECK_RAM_GB", "0.000001")
    cache = ModelCache(tmp_path)
    with cache.lease(toy_family):
        pass
    assert cache.ram_bytes == 1000 and cache.counters().bytes_ram <= 1000
