"""Claims about the tables: the file, the network they may come from, both trainers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.fusion import meflut_training
from pipelines.fusion.meflut import (
    COUNTS,
    FAMILY,
    KINDS,
    build,
    format_table,
    load_tables,
    parse_table,
    table_key,
    with_points,
)
from pipelines.fusion.meflut_net import MefLutNet, extract_tables
from pipelines.fusion.meflut_training import PRESETS, TableSet, train, train_direct, train_network
from pipelines.fusion.options import TABLE_KNOTS
from pipelines.shared.errors import UserError
from pipelines.training.run import TrainingOptions


@pytest.fixture(scope="module")
def assets(root: Path) -> Path:
    return root / "assets"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
def test_stored_tables_fit_their_key(assets: Path, kind: str, count: int) -> None:
    tables = load_tables(assets, count, kind)
    assert tables.shape == (count, 256)
    assert np.isfinite(tables).all() and tables.min() >= 0 and tables.max() == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
def test_stored_tables_trust_the_bright_frame_in_the_dark(assets: Path, kind: str, count: int) -> None:
    tables = load_tables(assets, count, kind)
    assert tables[0, :64].mean() > tables[-1, :64].mean()
    assert tables[0, 224:].mean() < tables[-1, 224:].mean()


def test_loaded_tables_are_the_callers_own(assets: Path) -> None:
    load_tables(assets, 2)[:] = 7
    assert load_tables(assets, 2).max() == pytest.approx(1)


def test_one_frame_needs_no_table_and_seven_have_none(assets: Path) -> None:
    assert (load_tables(assets, 1) == 1).all()
    with pytest.raises(UserError, match="for 7 exposures"):
        load_tables(assets, 7)
    with pytest.raises(UserError, match='"sharp"'):
        load_tables(assets, 2, "sharp")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="restore assets/weights"):
        load_tables(tmp_path, 2)


def test_the_weight_file_is_the_state_dict_of_the_family(assets: Path) -> None:
    from safetensors.torch import load_file

    build().load_state_dict(load_file(assets / "weights/meflut/tables.safetensors"))
    assert FAMILY.tasks == ()


def test_stored_tables_beat_a_plain_average_on_unseen_scenes(assets: Path) -> None:
    from pipelines.fusion.datasets import generated_sets
    from pipelines.fusion.evaluate import evaluate_set, table_methods

    exposures = next(one for one in generated_sets() if one.task == "mef")
    methods = evaluate_set(exposures, table_methods(assets, None), 4)["methods"]
    assert methods["pyramid"]["mef_ssim"] > methods["average"]["mef_ssim"] + 0.02
    assert methods["pyramid"]["mef_index"] > methods["average"]["mef_index"] + 0.02
    assert methods["paper"]["mef_index"] > methods["average"]["mef_index"]


def test_text_goes_there_and_back() -> None:
    table = np.linspace(0, 1, 256, dtype=np.float32)
    np.testing.assert_allclose(parse_table(format_table(table)), table, atol=1e-6)


@pytest.mark.parametrize("text", ["", "1,2,3", "a," * 256, "nan," * 256])
def test_other_text_is_no_table(text: str) -> None:
    with pytest.raises(UserError, match="256"):
        parse_table(text)


@pytest.mark.parametrize(("count", "size"), [(2, 61_000), (4, 117_000)])
def test_the_network_has_the_published_size(count: int, size: int) -> None:
    assert sum(p.numel() for p in MefLutNet(count).parameters()) == pytest.approx(size, rel=0.02)


def test_extracted_columns_sum_to_one_and_vary() -> None:
    torch.manual_seed(0)
    tables = extract_tables(MefLutNet(3), 3)
    assert tables.shape == (3, 256)
    torch.testing.assert_close(tables.sum(dim=0), torch.ones(256))
    assert tables.std(dim=1).min() > 1e-3


def test_a_constant_plane_gives_a_constant_weight() -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        weights = MefLutNet(2)(torch.full((2, 1, 24, 24), 0.3))
    assert weights.shape == (2, 24, 24)
    assert (weights.amax(dim=(1, 2)) - weights.amin(dim=(1, 2))).max() < 1e-4


def test_frames_meet_in_the_network() -> None:
    torch.manual_seed(2)
    net, planes = MefLutNet(2), torch.rand(2, 1, 16, 16)
    other = planes.clone()
    other[1] = 1 - other[1] ** 2
    with torch.no_grad():
        net.shared.frames.gate[1].weight.abs_()  # two hidden units only: a draw may leave both behind the ReLU
        assert (net(planes)[0] - net(other)[0]).abs().max() > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_direct_training_lowers_the_loss(kind: str) -> None:
    frames = torch.from_numpy(
        np.stack([meflut_training.exposures(np.random.default_rng(s), (64, 64), 2).frames for s in (1, 2)])
    )
    tables = TableSet(2)
    with torch.no_grad():
        tables.knots.copy_(tables.knots.flip(0))  # the wrong way round: there is something to learn
    optimizer = torch.optim.Adam(tables.parameters(), lr=0.3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = meflut_training.direct_loss(tables, frames, kind, 32)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.01


def test_a_seed_repeats_and_another_differs() -> None:
    plan = PRESETS["test"]
    first, again, other = (train_direct("pyramid", 2, plan, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_network_training_leaves_global_randomness_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    tables = train_network(2, PRESETS["test"], seed=0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(tables, train_network(2, PRESETS["test"], seed=0))


def test_a_run_stores_all_sets_and_resumes(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = train(FAMILY, TrainingOptions(preset="test", folder=tmp_path))["tables"]
    stored = load_file(path)
    assert set(stored) == {table_key(kind, count) for kind in KINDS for count in COUNTS}
    kept = path.parent / "paper.k3.safetensors"
    before = kept.stat().st_mtime_ns
    again = load_file(train(FAMILY, TrainingOptions(preset="test", resume=True, folder=tmp_path))["tables"])
    assert kept.stat().st_mtime_ns == before
    assert all(torch.equal(stored[key], again[key]) for key in stored)


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='not "sharp"'):
        train(FAMILY, TrainingOptions(expert="sharp", preset="test", folder=tmp_path))


def test_a_bent_table_goes_through_its_points_and_the_others_stay() -> None:
    tables = np.linspace(0.2, 0.8, 2 * 256, dtype=np.float32).reshape(2, 256)
    bent = with_points(tables, ((0.5, 0.1, 0.9, 0.2, 0.3), ()))
    assert np.allclose(bent[0, list(TABLE_KNOTS)], (0.5, 0.1, 0.9, 0.2, 0.3))
    assert (bent[1] == tables[1]).all() and bent.dtype == np.float32


def test_points_that_are_on_the_table_change_nothing() -> None:
    table = np.sin(np.arange(256, dtype=np.float32) / 40)[None] ** 2
    assert np.allclose(with_points(table, (table[0, list(TABLE_KNOTS)],)), table, atol=1e-6)


def test_points_for_another_number_of_frames_are_refused() -> None:
    with pytest.raises(UserError, match="1 rows for 2 frames"):
        with_points(np.ones((2, 256), np.float32), ((),))
