"""Networks of the full tier on the text tab, with tiny random checkpoints of the same classes in their place."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demos.networks import OWN
from demos.past import PastRun
from demos.sight import with_updates
from demos.text_recognition_endpoints import ask_text_endpoint, read_batch_endpoint, read_text_endpoint
from demos.text_recognition_export import figure_caption, panels
from demos.text_recognition_source import titles_of
from demos.words import tier_line
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.options import PHOTO, PROCEDURES
from pipelines.text_recognition.questions import Question
from pipelines.text_recognition.trocr import TROCR_BASE, TROCR_SMALL
from tests.demos.conftest import Built, FakePipeline

SMALL, ABSENT, AUTHORS = "trocr-small", "trocr-base", "igtr-authors"


def with_checkpoints(family: ModelFamily, store: Callable[[str, int], Path]) -> ModelFamily:
    """The family with what `store(name, seed)` writes in place of the published checkpoints."""

    def spec(name: str, seed: int) -> ModelSpec:
        return ModelSpec(name, f"folder:{store(name, seed)}", None, "MIT")

    experts = {task: spec(task, seed) for seed, task in enumerate(family.experts, 1)}
    return replace(family, base=spec("stage1", 0), experts=experts)


def tiny_authors(folder: Path) -> ModelFamily:
    """The authors' network of a few weights, base and expert."""
    import torch
    from safetensors.torch import save_file

    from pipelines.text_recognition.igtr_authors import AuthorsIGTR
    from pipelines.text_recognition.igtr_authors_encoder import AuthorsShape

    def build() -> Any:
        return AuthorsIGTR(AuthorsShape((8, 16, 32), (2, 1), (1, 1), ratio=2))

    def store(name: str, seed: int) -> Path:
        torch.manual_seed(seed)
        network = build()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
        save_file(network.state_dict(), folder / f"{name}.safetensors")
        return folder / f"{name}.safetensors"

    return with_checkpoints(replace(IGTR_AUTHORS, build=build), store)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The text tab with TrOCR's small family and the authors' IGTR at hand, and TrOCR's base family not."""
    from demos.page import build_page
    from demos.tab import Tab, Workshop
    from demos.text_recognition import TextTab, warm
    from pipelines.shared.cache import ModelCache
    from tests.pipelines.text_recognition.tiny import make_family
    from tests.pipelines.text_recognition.trocr.tiny_trocr import store

    folder = tmp_path_factory.mktemp("networks")
    small = with_checkpoints(TROCR_SMALL, lambda name, seed: store(folder / name, "unilm", seed))
    others = (small, TROCR_BASE, tiny_authors(tmp_path_factory.mktemp("authors")))
    own, workshop = make_family(tmp_path_factory.mktemp("igtr")), Workshop(ModelCache(folder), folder)
    row = Tab("text_recognition", "Text", lambda shop: TextTab(shop, own, others), warm)
    built = build_page(workshop, rows=(row,))
    yield Built(built.tabs["text_recognition"], built, FakePipeline(), workshop)


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.fixture
def chosen(page: Built, crop_file: Path) -> Callable[..., dict[Any, Any]]:
    """What the page has after a network was chosen in the menu, with changes."""

    def choose(network: str, changes: dict[Any, Any] | None = None, before: Any = None) -> dict[Any, Any]:
        source = page.tab.source
        sent = (before or page.values({source.image: str(crop_file)})) | {source.network: network}
        return with_updates(sent, page.tab.when_network_chosen(sent)) | (changes or {})

    return choose


@pytest.fixture
def ran(page: Built, visitor: Callable[[str], Any]) -> Callable[[dict[Any, Any]], dict[Any, Any]]:
    """What the page has after one full run."""

    def run(sent: dict[Any, Any]) -> dict[Any, Any]:
        for step in page.tab.force(visitor("eve"), sent):
            sent = with_updates(sent, step)
        return sent

    return run


def test_the_menu_says_tier_experts_and_base_of_each(page: Built) -> None:
    titles = titles_of(page.tab.networks)
    assert list(titles) == [OWN, SMALL, ABSENT, AUTHORS] and titles[OWN] == "IGTR-E, embedded: curved"
    assert titles[SMALL] == "trocr-small, full tier: printed, handwritten over stage1"
    assert [value for _, value in page.tab.source.network.choices] == list(titles)


def test_the_desk_has_the_faders_of_the_network_that_is_chosen(page: Built, chosen: Any) -> None:
    tab = page.tab
    updates = tab.when_network_chosen(page.values({tab.source.network: SMALL}))
    desk = tab.panel.of(SMALL)
    assert [one.task for one in desk.strips] == ["printed", "handwritten"]
    seen = {name: [updates[box]["visible"] for box, names in tab.panel.parts._boxes if name in names]
            for name in tab.networks}  # fmt: skip
    assert all(seen[SMALL]) and not any((*seen[OWN], *seen[AUTHORS]))
    job = tab.job(chosen(SMALL))
    assert job.network == SMALL and [task for task, _ in job.recipe.coefficients] == ["printed", "handwritten"]
    assert job.recipe.scale == TROCR_SMALL.default.scale


def test_a_fader_leases_another_mix_of_stage_one(page: Built, chosen: Any, ran: Any) -> None:
    tab, weight = page.tab, page.tab.panel.of(SMALL).strips[1].weight
    runs = []
    for value in (0.0, 1.0):
        done = ran(chosen(SMALL, {weight: value, tab.panel.of(SMALL).strips[0].weight: 0.0, tab.panel.scale: 1.0}))
        runs.append(tab.bench.result(done[tab.shown])[0].words[0].reading)
    base, expert = runs
    assert base.run.family == expert.run.family == SMALL and base.run.tier == "full"
    assert base.run.recipe_hash != expert.run.recipe_hash and base.run.weights_version != expert.run.weights_version
    assert base.confidence != expert.confidence and all(0 < one.confidence <= 1 for one in runs)


def test_a_run_says_which_network_read_and_in_which_way(page: Built, chosen: Any, ran: Any) -> None:
    tab, done = page.tab, ran(chosen(SMALL))
    assert "trocr-small: " in done[tab.version] and "token by token" in done[tab.version]
    assert "Full tier: trocr-small" in done[tab.tier] and "On this machine." in done[tab.tier]
    assert "family: trocr-small" in done[tab.desk.yaml] and "network" not in done[tab.desk.yaml]
    assert "trocr-small" in tab.words(done[tab.shown]) and "trocr-small" in done[tab.past.runs][0].caption


def test_what_the_network_cannot_do_is_disabled_and_says_why(page: Built) -> None:
    tab = page.tab
    updates = tab.when_network_chosen(page.values({tab.source.network: SMALL}))
    for one in (tab.source.procedure, tab.source.refinements, *tab.settings.controls):
        assert updates[one]["interactive"] is False and "trocr-small only reads" in updates[one]["info"]
    asleep = (tab.ask.free, tab.ask.kind, tab.ask.ask, tab.ask.number, tab.compare.procedures, tab.desk.score)
    assert not any(updates[one]["interactive"] for one in asleep)
    for line in (tab.ask.about, tab.compare.reason):
        assert "only reads" in updates[line]
    assert "trocr-small is not scored" in updates[tab.desk.scores]


def test_settings_that_it_cannot_follow_count_for_nothing_and_come_back_with_the_own_network(
    page: Built, chosen: Any
) -> None:
    tab = page.tab
    there = page.values({tab.source.procedure: "ctc", tab.settings.pattern: "", tab.settings.threshold: 0.5})
    away = chosen(SMALL, before=there)
    assert tab.job(away).options.to_dict() == {}
    assert tab.job(chosen(OWN, before=away)).options.to_dict() == {"procedure": "ctc", "doubt_threshold": 0.5}


def test_questions_and_comparisons_that_it_cannot_answer_are_refused(page: Built, chosen: Any, ran: Any) -> None:
    tab, done = page.tab, ran(chosen(SMALL))
    for ask in (tab.ask.when_asked, tab.compare.when_procedures):
        with pytest.raises(UserError, match=r"trocr-small only reads.*embedded network"):
            ask(done)
    mixes = tab.compare.when_mixes(done)[tab.compare.by_mix]
    assert all(f"<td>{name}</td>" in mixes for name in ("base", "printed", "handwritten", "this mix"))


def test_a_held_fader_waits_for_its_release(page: Built, chosen: Any, visitor: Any) -> None:
    tab = page.tab
    assert list(tab.preview(visitor("eve"), chosen(SMALL, {tab.panel.scale: 0.7}))) == [tab.version]


def test_checkpoints_that_are_not_here_are_named_with_their_size_and_what_to_do(
    page: Built, chosen: Any, ran: Any, visitor: Any
) -> None:
    tab, sent = page.tab, chosen(ABSENT)
    said = sent[tab.tier]
    assert "Not on this machine: trocr-base-printed, trocr-base-handwritten" in said and "about 2.7 GB" in said
    assert said.count("hf download microsoft/trocr-base-") == 2 and "downloads nothing by itself" in said
    with pytest.raises(UserError, match="hf download microsoft/trocr-base-printed --revision") as refused:
        ran(sent)
    assert refused.value.title == "Model not on this machine"
    with pytest.warns(UserWarning, match="not in the local cache"):
        (told,) = tab.commit(visitor("eve"), sent)
    assert "network is off" in told[tab.alert] and "Use the embedded model" in told[tab.alert]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what the page says already is not told again
        assert list(tab.commit(visitor("eve"), {**sent, tab.alert: told[tab.alert]})) == [told]


def test_the_authors_checkpoints_name_the_command_that_imports_them(tmp_path: Path) -> None:
    said = tier_line(IGTR_AUTHORS, tmp_path, "")
    assert "import-igtr FILE.pth --as synthetic" in said and "import-igtr FILE.pth --as pt" in said


def test_the_authors_network_reads_and_answers_by_every_procedure_but_ctc(page: Built, chosen: Any, ran: Any) -> None:
    tab = page.tab
    sent = page.values({tab.source.procedure: "ctc", tab.source.network: AUTHORS})
    menu = tab.when_network_chosen(sent)[tab.source.procedure]
    assert [name for _, name in menu["choices"]] == [name for name in PROCEDURES if name != "ctc"]
    assert menu["interactive"] and menu["value"] == "parallel" and "no CTC head" in menu["info"]
    done = ran(chosen(AUTHORS))
    sheet = tab.bench.result(done[tab.shown])[0]
    assert sheet.words[0].reading.run.family == AUTHORS and "family: igtr-authors" in done[tab.desk.yaml]
    assert tab.bench.ask(done[tab.shown], sheet.words[0], Question("count", ("e",))).text
    assert "igtr-authors knows parallel" in str(tab.bench.by_procedure(done[tab.shown])["ctc"])


def test_a_desk_is_found_again_as_it_was_left(page: Built, chosen: Any) -> None:
    tab, own = page.tab, page.tab.panel.strips[0].weight
    history = page.values()[tab.panel.history].with_commit(replace(tab.family.default, scale=0.3))
    there = page.values({own: 0.25, tab.panel.scale: 0.3, tab.panel.method: "ties", tab.panel.history: history})
    away = chosen(SMALL, {tab.panel.of(SMALL).strips[0].weight: -0.5}, there)
    assert away[tab.panel.method] == TROCR_SMALL.default.method and away[tab.panel.history].undo_count == 0
    back = chosen(OWN, before=away)
    assert tab.job(back).recipe == tab.job(there).recipe and back[tab.panel.history] == history
    assert chosen(SMALL, before=back)[tab.panel.of(SMALL).strips[0].weight] == -0.5


def test_a_run_of_the_network_before_enters_no_history_of_this_one(page: Built, chosen: Any, ran: Any) -> None:
    tab, done = page.tab, ran(chosen(SMALL, {page.tab.panel.scale: 0.9}))
    assert tab.when_shown(done)[tab.panel.history].undo_count == 1
    away = chosen(OWN, before=done)
    assert list(tab.when_shown(away)) == [tab.panel.history] and away[tab.panel.history].undo_count == 0


def test_a_recipe_a_link_and_a_past_run_bring_the_network_back(page: Built, chosen: Any, ran: Any) -> None:
    tab, weight = page.tab, page.tab.panel.of(SMALL).strips[0].weight
    done = ran(chosen(SMALL, {weight: -0.25}))
    at_home = page.values({tab.desk.yaml: done[tab.desk.yaml]})
    link = tab.links.opened_with(tab.links.query(done))
    past = tab.revisited(PastRun(done[tab.shown], "", ""), at_home)
    for updates in (tab.when_yaml_used(at_home), link, past):
        assert updates[tab.panel.network] == updates[tab.source.network] == SMALL and updates[weight] == -0.25
        assert tab.job(with_updates(at_home, updates) | {tab.source.image: done[tab.source.image]}) == done[tab.shown]
    wrong = done[tab.desk.yaml].replace("options: {}", "options: {procedure: ctc}")
    with pytest.raises(UserError, match="Leave out procedure"):
        tab.when_yaml_used({**at_home, tab.desk.yaml: wrong})
    with pytest.raises(UserError, match=r"is for fusion/fusenet; here is text_recognition/igtr, trocr-small"):
        tab.restored("mixdeck_recipe: 1\npipeline: fusion\nfamily: fusenet\n")


def test_an_example_brings_the_own_network_back(page: Built, chosen: Any) -> None:
    tab = page.tab
    example: Any = SimpleNamespace(options={}, recipe={}, frames=(Path("a.png"),), task="", slug="a", words="")
    updates = tab.with_example(example, chosen(SMALL))
    assert updates[tab.panel.network] == updates[tab.source.network] == OWN
    assert updates[tab.settings.pattern]["interactive"] is True and updates[tab.settings.pattern]["value"] == ""


def test_clients_name_the_network(page: Built, crop_file: Path) -> None:
    bench = page.tab.bench
    answer = read_text_endpoint(bench)(str(crop_file), network=SMALL, recipe={"weights": {"printed": 0.5}})
    assert answer["network"] == SMALL and answer["recipe"]["weights"] == {"printed": 0.5}
    _, told = read_batch_endpoint(bench)([str(crop_file)], network=SMALL)
    assert told["network"] == SMALL and told["crops"][0]["file"] == "word.png"
    with pytest.raises(UserError, match="known are '', 'trocr-small', 'trocr-base'"):
        read_text_endpoint(bench)(str(crop_file), network="magic")
    with pytest.raises(UserError, match="Leave out pattern"):
        read_text_endpoint(bench)(str(crop_file), {"pattern": "a?"}, network=SMALL)
    with pytest.raises(UserError, match="only reads"):
        ask_text_endpoint(bench)(str(crop_file), "How many e?", network=SMALL)


def test_files_and_figures_are_of_the_network(page: Built, chosen: Any, ran: Any) -> None:
    from safetensors import safe_open

    tab, done = page.tab, ran(chosen(SMALL))
    files = tab.export.when_exported(done | {tab.export.extras: ["json", "checkpoint"]})[tab.export.exported]
    by_end = {Path(path).suffix: Path(path) for path in files}
    assert '"network": "trocr-small"' in by_end[".json"].read_text()
    with safe_open(by_end[".safetensors"], "pt") as stored:
        assert any(key.startswith("decoder.model") for key in stored.keys())  # noqa: SIM118
    job, sheet = done[tab.shown], tab.bench.result(done[tab.shown])[0]
    titles = [one.title for one in panels(tab.bench, tab.reading, job, sheet, done, ["base", "experts", "mix"])]
    assert [title.partition(":")[0] for title in titles] == ["base", "printed", "handwritten", "this mix"]
    assert "trocr-small: " in figure_caption(tab.bench, job) and "printed" in figure_caption(tab.bench, job)


def test_presets_belong_to_the_network_that_is_on_the_desk(page: Built, chosen: Any) -> None:
    tab, desk = page.tab, page.tab.desk
    at_home = page.values({desk.preset: "evening"})
    at_home = with_updates(at_home, desk.when_saved(at_home))
    away = chosen(SMALL, {desk.preset: "night"}, at_home)
    assert "evening" not in tab.when_network_chosen(at_home | {tab.source.network: SMALL})[desk.preset]["choices"]
    away = with_updates(away, desk.when_saved(away))
    assert "night" in desk.when_found(away[desk.own], SMALL)[0]["choices"]
    menu = desk.when_found(away[desk.own])[0]["choices"]
    assert "evening" in menu and "night" not in menu and "printed expert alone" not in menu
    put = desk.when_preset_chosen(away | {desk.preset: "printed expert alone"})
    assert [put[strip.weight] for strip in tab.panel.of(SMALL).strips] == [1.0, 0.0]


def test_a_photograph_is_found_by_lines_for_a_network_that_reads_lines(
    page: Built, chosen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[bool] = []
    found = SimpleNamespace(words=(), notices=(), detector="none", seconds=0.0)
    monkeypatch.setattr("pipelines.text_recognition.detection.open_detector", lambda: object())
    monkeypatch.setattr("pipelines.text_recognition.photograph.find",
                        lambda image, detector, is_cut=True: cut.append(is_cut) or found)  # fmt: skip
    tab = page.tab
    for network in (OWN, SMALL):
        tab.bench.photo(tab.job(chosen(network, {tab.source.mode: PHOTO})))
    assert cut == [True, False]
