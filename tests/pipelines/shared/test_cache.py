from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.shared.shelf import Entry, Shelf

INPUT = torch.linspace(-1, 1, 12).view(3, 4)


def mix(left: float, right: float = 0.0, scale: float = 1.0) -> MergeRecipe:
    return MergeRecipe(coefficients=(("left", left), ("right", right)), scale=scale)


def answer(cache: ModelCache, family: ModelFamily, recipe: MergeRecipe | None) -> torch.Tensor:
    with cache.lease(family, recipe) as lease, torch.inference_mode():
        return lease.model(INPUT)


def stored(family: ModelFamily, folder: Path, name: str) -> torch.Tensor:
    model = family.build()
    model.load_state_dict(load_file(folder / "weights" / "toy" / f"{name}.safetensors"))
    with torch.inference_mode():
        return model(INPUT)


def test_no_recipe_gives_the_base_and_a_fader_at_one_gives_the_expert(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    assert torch.equal(answer(cache, toy_family, None), stored(toy_family, tmp_path, "base"))
    assert torch.equal(answer(cache, toy_family, mix(1.0)), stored(toy_family, tmp_path, "left"))


def test_the_second_lease_of_a_recipe_is_a_hit_on_the_same_version(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    with cache.lease(toy_family, mix(0.5)) as first:
        pass
    with cache.lease(toy_family, mix(0.5)) as second:
        pass
    assert (first.is_hit, second.is_hit) == (False, True)
    assert first.weights_version == second.weights_version and second.bytes_moved == 0
    counters = cache.counters()
    assert (counters.hits, counters.misses, counters.loads) == (1, 1, 1)
    assert 0 < counters.run_ms < 1000 and counters.budget_bytes == cache.ram_bytes


def test_eight_visitors_with_random_mixes_get_their_own_answers(toy_family: ModelFamily, tmp_path: Path) -> None:
    recipes = [mix(a / 4, b / 4) for a in range(4) for b in range(4)]
    alone = ModelCache(tmp_path)
    expected = {recipe: answer(alone, toy_family, recipe) for recipe in recipes}
    shared = ModelCache(tmp_path, ram_bytes=4000)

    def visit(seed: int) -> bool:
        order = random.Random(seed).choices(recipes, k=40)
        return all(torch.equal(answer(shared, toy_family, recipe), expected[recipe]) for recipe in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(visit, range(8)))
    assert shared.counters().evictions > 0


def test_many_waiters_cause_one_load(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    barrier = threading.Barrier(8)

    def wait_and_lease(_: int) -> int:
        barrier.wait()
        with cache.lease(toy_family, mix(0.3)) as lease:
            return lease.weights_version

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(wait_and_lease, range(8)))) == 1
    assert cache.counters().loads == 1


def test_what_is_lent_is_never_evicted_and_memory_comes_back(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, ram_bytes=1)
    with cache.lease(toy_family, mix(0.3)) as lease:
        for step in range(5):
            answer(cache, toy_family, mix(step / 10, 0.5))
        names = [row.name for row in cache.counters().models if row.users]
        assert names == [f"toy #{lease.recipe_hash[:8]}"]
        assert lease.model(INPUT).isfinite().all()
    assert cache.counters().bytes_ram == 0


def test_a_failed_load_reaches_every_waiter_and_leaves_the_cache_usable(
    toy_family: ModelFamily, tmp_path: Path
) -> None:
    path = tmp_path / "weights" / "toy" / "left.safetensors"
    content = path.read_bytes()
    path.write_bytes(b"not weights")
    cache = ModelCache(tmp_path)
    barrier = threading.Barrier(4)

    def failing(_: int) -> str:
        barrier.wait()
        with pytest.raises(UserError, match=r"toy/left: left\.safetensors is damaged") as caught:
            answer(cache, toy_family, None)
        return str(caught.value)

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(failing, range(4)))) == 4
    path.write_bytes(content)
    assert torch.equal(answer(cache, toy_family, None), stored(toy_family, tmp_path, "base"))


def test_one_failed_attempt_answers_all_who_waited_for_it(
    toy_family: ModelFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, attempts = threading.Barrier(4), []

    def slow(cache: ModelCache, family: ModelFamily) -> None:
        attempts.append(family.name)
        time.sleep(0.5)
        raise UserError("the disk is gone")

    monkeypatch.setattr(ModelCache, "_load", slow)
    cache = ModelCache(tmp_path)

    def failing(_: int) -> None:
        barrier.wait()
        with pytest.raises(UserError, match="the disk is gone"), cache.lease(toy_family, mix(0.3)):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(failing, range(4)))
    assert attempts == ["toy"]


def test_a_budget_that_cannot_be_told_reaches_every_waiter_and_leaves_the_shelf_usable() -> None:
    budgets, started = {"cpu": -1}, threading.Barrier(4)

    def told() -> dict[str, int]:
        if budgets["cpu"] < 0:
            raise UserError("the budget is no size")
        return budgets

    def slow() -> Entry:
        time.sleep(0.5)
        return Entry("one", "value", 1)

    shelf = Shelf(told)

    def failing(_: int) -> str:
        started.wait()
        with pytest.raises(UserError, match="no size") as caught, shelf.held(("one", ""), slow):
            pass
        return str(caught.value)

    pool = ThreadPoolExecutor(4)
    waiting = [pool.submit(failing, number) for number in range(4)]
    assert not wait(waiting, timeout=10).not_done and all(one.result() for one in waiting)
    pool.shutdown()
    assert shelf.entries() == ()
    budgets["cpu"] = 100
    with shelf.held(("one", ""), slow) as (entry, was_there):
        assert entry.users == 1 and not was_there


def test_the_mix_that_was_used_longest_ago_goes_first(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    for left in (0.1, 0.2, 0.3, 0.4, 0.5):
        answer(cache, toy_family, mix(left))
    cache.ram_bytes = cache.counters().bytes_ram
    answer(cache, toy_family, mix(0.1))
    answer(cache, toy_family, mix(0.6))
    assert 1 <= cache.counters().evictions <= 3
    hits = []
    for left in (0.1, 0.5, 0.2):
        with cache.lease(toy_family, mix(left)) as lease:
            hits.append(lease.is_hit)
    assert hits == [True, True, False]


def test_a_recipe_that_does_not_fit_is_refused_and_the_next_one_runs(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    with pytest.raises(MergeError, match="up"):
        answer(cache, toy_family, MergeRecipe(coefficients=(("up", 1.0),)))
    assert answer(cache, toy_family, mix(0.1)).isfinite().all()


def test_loading_reports_bytes_up_to_the_whole(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache, seen = ModelCache(tmp_path), []
    cache.add_listener(seen.append)
    cache.arena(toy_family)
    assert {progress.name for progress in seen} == {"toy/base", "toy/left", "toy/right"}
    assert all(progress.done_bytes == progress.total_bytes > 0 for progress in seen)


def test_unloading_spares_what_is_lent(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    with cache.lease(toy_family, mix(0.2)) as lease:
        assert not cache.unload(f"toy #{lease.recipe_hash[:8]}")
        cache.unload_all()
        assert [row.users for row in cache.counters().models] == [1]
    assert cache.unload_all() > 0 and cache.counters().models == ()


def test_lower_precision_is_one_rounding_of_the_mix(toy_family: ModelFamily, tmp_path: Path) -> None:
    with ModelCache(tmp_path).lease(toy_family, mix(0.3)) as exact:
        wanted = {key: value.bfloat16() for key, value in exact.model.state_dict().items()}
    with ModelCache(tmp_path, precision="bfloat16").lease(toy_family, mix(0.3)) as lease:
        assert all(torch.equal(value, wanted[key]) for key, value in lease.model.state_dict().items())


@pytest.mark.parametrize(("precision", "value"), [("float16", 5e4), ("float32", 2.4e38)])
def test_a_mix_beyond_its_precision_is_refused_by_key_and_the_next_one_runs(
    toy_family: ModelFamily, tmp_path: Path, precision: str, value: float
) -> None:
    path = tmp_path / "weights" / "toy" / "left.safetensors"
    weights = load_file(path)
    weights["2.bias"][1] = value
    save_file(weights, path)
    cache = ModelCache(tmp_path, precision=precision)
    with pytest.raises(MergeError, match=rf"in 2\.bias beyond the range of torch\.{precision}: lower the faders"):
        answer(cache, toy_family, mix(1.5))
    with cache.lease(toy_family, mix(0.5)) as lease:
        assert all(torch.isfinite(tensor).all() for tensor in lease.model.state_dict().values())
    assert len(cache.counters().models) == 2  # the family, and the mix that could be made


def test_vectors_of_sixteen_bits_take_less_and_mix_almost_alike(toy_family: ModelFamily, tmp_path: Path) -> None:
    exact, compact = ModelCache(tmp_path), ModelCache(tmp_path, vectors="float16")
    with exact.lease(toy_family, mix(0.3)) as wanted, compact.lease(toy_family, mix(0.3)) as found:
        for key, value in wanted.model.state_dict().items():
            assert torch.allclose(found.model.state_dict()[key], value, rtol=0, atol=5e-4)
    assert compact.arena(toy_family).size_bytes < exact.arena(toy_family).size_bytes


def test_tensors_that_no_expert_moved_are_shared_by_mixes_and_counted_once(
    toy_family: ModelFamily, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "weights" / "toy"
    base = load_file(folder / "base.safetensors")
    for name in toy_family.tasks:
        save_file(base | {"2.bias": torch.ones(2)}, folder / f"{name}.safetensors")
    cache = ModelCache(tmp_path)
    with cache.lease(toy_family, mix(0.3)) as one, cache.lease(toy_family, mix(0.6)) as other:
        assert one.model[0].weight.data_ptr() == other.model[0].weight.data_ptr()
        assert one.model[2].bias.data_ptr() != other.model[2].bias.data_ptr()
        arena = cache.arena(toy_family)
        sizes = {row.name: row.size_bytes for row in cache.counters().models}
    unmoved = sum(value.nbytes for key, value in base.items() if key != "2.bias")
    assert sizes["toy"] == arena.size_bytes + unmoved


def planes_left(cache: ModelCache, family: ModelFamily) -> int:
    """Bytes that two mixes at different lambdas leave for the next."""
    arena = cache.arena(family)
    for limit in (0.4, 0.5, 0.6):
        masks = MaskChoice("consensus", thresholds=(("left", limit), ("right", limit)))
        arena.merge(MergeRecipe("consensus", (("left", 1.0), ("right", 1.0)), masks=masks))
        arena.store.wait()
    return arena.store.size_bytes


def test_what_merges_leave_for_the_next_counts_in_the_table_and_the_budget(
    toy_family: ModelFamily, tmp_path: Path
) -> None:
    cache = ModelCache(tmp_path)
    cache.arena(toy_family)
    before = cache.counters()
    left = planes_left(cache, toy_family)
    after = cache.counters()
    assert left > 0 and after.bytes_ram == before.bytes_ram + left
    assert after.models[0].size_bytes == before.models[0].size_bytes + left
    assert cache.unload_all() == after.bytes_ram and cache.counters().bytes_ram == 0


def test_over_the_budget_planes_go_before_networks(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    answer(cache, toy_family, mix(0.5))
    cache.ram_bytes = cache.counters().bytes_ram  # all that is there, and no more
    assert planes_left(cache, toy_family) > 0
    with cache.lease(toy_family, mix(0.5)) as lease:
        assert lease.is_hit
    counters = cache.counters()
    assert cache.arena(toy_family).store.size_bytes == 0
    assert counters.bytes_ram == cache.ram_bytes and counters.evictions == 0 and len(counters.models) == 2


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """For "meta", a device that every machine has: it holds no values that could be looked at."""
    monkeypatch.setattr("pipelines.shared.cache.check_live", lambda *_: None)


@pytest.mark.usefixtures("unchecked")
def test_on_a_device_the_family_is_kept_there_and_merged_there(toy_family: ModelFamily, tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, device="meta", device_bytes=1 << 20)
    for scale in (0.3, 0.6):
        with cache.lease(toy_family, mix(scale)) as lease:
            assert {weight.device.type for weight in lease.model.parameters()} == {"meta"}
    rows = {row.name: row for row in cache.counters().models}
    arena = cache.arena(toy_family)
    assert rows["toy"].device == "cpu" and rows["toy on meta"].device == "meta"
    assert rows["toy on meta"].size_bytes == arena.size_bytes and rows["toy on meta"].users == 0
    assert cache.counters().bytes_device == arena.size_bytes + 2 * arena.base.nbytes
    assert arena.base.device.type == "cpu"


def test_a_family_too_large_for_the_device_is_merged_on_the_processor(toy_family: ModelFamily, tmp_path: Path) -> None:
    size = ModelCache(tmp_path).arena(toy_family).size_bytes
    cache = ModelCache(tmp_path, device="meta", device_bytes=2 * size - 1)
    with cache.lease(toy_family, mix(0.3)) as lease:
        assert {weight.device.type for weight in lease.model.parameters()} == {"meta"}
    assert "toy on meta" not in {row.name for row in cache.counters().models}


@pytest.mark.usefixtures("unchecked")
def test_a_family_on_the_device_goes_after_the_mixes_there(toy_family: ModelFamily, tmp_path: Path) -> None:
    arena = ModelCache(tmp_path).arena(toy_family)
    cache = ModelCache(tmp_path, device="meta", device_bytes=2 * arena.size_bytes)
    for scale in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        with cache.lease(toy_family, mix(scale)):
            pass
    names = [row.name for row in cache.counters().models if row.device == "meta"]
    assert "toy on meta" in names and 1 < len(names) < 7
    assert cache.counters().evictions > 0
