"""The painted half of the generated world: what is seen is what the records say."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.grounding.synthetic.apart import Apart
from pipelines.grounding.synthetic.colours import NAMES, PROTOTYPES_RGB, draw_colour, nearest_name, to_lab
from pipelines.grounding.synthetic.cutout import Light, cut_out
from pipelines.grounding.synthetic.depth import RASTER_PX, mended, silhouette, visible_shares
from pipelines.grounding.synthetic.grounds import BACKDROPS, GROUNDS
from pipelines.grounding.synthetic.outline import reach
from pipelines.grounding.synthetic.paint import Painted, cast_shadow, paint
from pipelines.grounding.synthetic.recipes import BASE, PHOTO, RECIPES, TEST_SETS, TRAINING, Recipe
from pipelines.grounding.synthetic.scene import Scene, draw_scene, placed_things
from pipelines.grounding.synthetic.things import (
    CATEGORIES,
    LOPSIDED,
    PATTERNS,
    SIDE_SHARE,
    UNHOLLOW,
    Look,
    Thing,
    mirrored,
)

SIDE = 160
PLAIN = replace(BASE, name="plain", grounds={"plain": 1})
DARK = Light(relief=0.0)


def scenes(recipe: Recipe, count: int, side: int = SIDE) -> list[Scene]:
    return [draw_scene((11, number), recipe, side) for number in range(count)]


def alone(category: str, colour: str = "red", size: str = "large", **values) -> Thing:
    return Thing(Look(category, colour, size=size), 0.5, 0.5, SIDE_SHARE[size], **values)


def painted(*things: Thing) -> Painted:
    return paint(np.random.default_rng(3), things, PLAIN, SIDE)


# Everything draws


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_recipe_draws_what_it_promises(recipe: Recipe) -> None:
    for scene in scenes(recipe, 6, 96):
        assert scene.pixels.shape == (96, 96, 3) and scene.pixels.dtype == np.uint8
        assert scene.ids.shape == (96, 96) and scene.ids.max() == len(scene.things)
        assert scene.boxes_xyxy.shape == (len(scene.things), 4) and scene.boxes_xyxy.dtype == np.float32
        assert recipe.count[0] <= len(scene.things) <= recipe.count[1]
        assert any(thing.look.is_novel for thing in scene.things) == recipe.is_novel


@pytest.mark.parametrize("name", [*GROUNDS, *BACKDROPS])
def test_every_ground_is_a_picture(name: str) -> None:
    rng = np.random.default_rng(5)
    picture = {**GROUNDS, **BACKDROPS}[name](rng, 96, Apart(rng, to_lab(np.array([[0.8, 0.1, 0.1]])), 30.0))
    assert picture.shape == (96, 96, 3) and picture.dtype == np.float32
    assert np.isfinite(picture).all() and picture.min() > -0.05 and picture.max() < 1.1
    assert name == "plain" or picture.std() > 0.005


def test_a_seed_repeats_to_the_bit_and_another_does_not() -> None:
    first, again, other = (draw_scene(seed, PHOTO, SIDE) for seed in ((4, 2), (4, 2), (4, 3)))
    assert first.things == again.things and (first.pixels == again.pixels).all() and (first.ids == again.ids).all()
    assert first.things != other.things


def test_number_and_tuple_are_the_same_seed() -> None:
    assert draw_scene(9, BASE, 64).things == draw_scene((9,), BASE, 64).things


def test_the_side_moves_nothing() -> None:
    small, large = draw_scene(21, BASE, 96), draw_scene(21, BASE, 192)
    assert small.things == large.things
    assert np.abs(small.boxes_xyxy * 2 - large.boxes_xyxy).max() <= 3


def test_the_record_names_what_stands_there() -> None:
    scene = draw_scene(2, BASE)
    rows = scene.to_json()
    assert [row["id"] for row in rows] == list(range(len(scene.things)))
    assert [(row["category"], row["colour"]) for row in rows] == [
        (thing.look.category, thing.look.colour) for thing in scene.things
    ]
    assert np.allclose([row["box_xyxy"] for row in rows], scene.boxes_xyxy, atol=0.05)


# Where things are


def test_boxes_are_the_extents_of_the_numbers() -> None:
    for scene in scenes(RECIPES["relation"], 20):
        for number, box in enumerate(scene.boxes_xyxy, 1):
            rows, columns = np.nonzero(scene.ids == number)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_enough_of_each_thing_is_seen() -> None:
    for name in ("base", "relation", "comp", "photo", "count"):
        for scene in scenes(RECIPES[name], 20, 112):
            assert scene.painted.visible.min() >= 0.45
            assert scene.painted.visible.max() <= 1


def test_a_hidden_thing_comes_to_the_front() -> None:
    small, large = alone("circle", size="small"), alone("square")
    assert mended([small, large]) == [large, small]
    assert mended([large, small]) == [large, small]


def test_a_thing_that_stays_hidden_is_left_out() -> None:
    twins = [alone("square"), alone("square", "blue")]
    assert len(mended(twins)) == 1
    drawn = silhouette(twins[0], RASTER_PX)
    assert visible_shares([drawn[0]] * 2, [drawn[1]] * 2).tolist() == [0.0, 1.0]


def test_hidden_shares_name_who_hides_whom() -> None:
    below = replace(alone("square"), x=0.4)
    above = replace(alone("square", "blue"), x=0.4 + SIDE_SHARE["large"] / 2)
    picture = painted(below, above)
    assert picture.covered[0, 1] == pytest.approx(0.5, abs=0.04)
    assert picture.covered[1, 0] == 0 and picture.covered[0, 0] == 0
    assert picture.visible.tolist() == pytest.approx([0.5, 1.0], abs=0.04)


def test_inside_of_an_outline_belongs_to_what_is_behind() -> None:
    hollow = replace(alone("square"), look=Look("square", "red", "hollow", size="large"))
    picture = painted(hollow)
    assert picture.ids[SIDE // 2, SIDE // 2] == 0
    assert painted(alone("square")).ids[SIDE // 2, SIDE // 2] == 1
    assert painted(alone("ring")).ids[SIDE // 2, SIDE // 2] == 0


def test_areas_of_the_sizes() -> None:
    areas = {}
    for size in SIDE_SHARE:
        boxes = [painted(alone(category, size=size)).boxes_xyxy[0] for category in CATEGORIES]
        areas[size] = np.mean([(box[2] - box[0]) * (box[3] - box[1]) for box in boxes])
    assert areas["medium"] / areas["small"] == pytest.approx(2.2, rel=0.1)
    assert areas["large"] / areas["small"] == pytest.approx(4.8, rel=0.1)


def test_nothing_is_thinner_than_promised() -> None:
    for number in range(60):
        extents = np.array([reach(thing) for thing in placed_things((number,), BASE)]) * 224
        assert np.minimum(extents[:, 2] - extents[:, 0], extents[:, 3] - extents[:, 1]).min() >= 17.5


# How they look


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_mirrored_thing_is_the_mirrored_picture(category: str) -> None:
    thing = replace(alone(category, angle_deg=25.0), x=0.35, y=0.45)
    here, there = painted(thing).ids[:, ::-1] > 0, painted(mirrored(thing)).ids > 0
    assert (here & there).sum() >= 0.97 * (here | there).sum()
    if category in LOPSIDED:
        unturned = painted(replace(thing, x=0.65, angle_deg=-25.0)).ids > 0
        assert (here & unturned).sum() < 0.97 * (here | unturned).sum()


def test_an_arrow_points_where_it_says() -> None:
    for angle, name, axis, sign in ((0, "right", 1, 1), (90, "down", 0, 1), (180, "left", 1, -1), (270, "up", 0, -1)):
        thing = alone("arrow", angle_deg=float(angle))
        assert thing.direction == name
        at = np.stack(np.nonzero(painted(thing).ids)) - SIDE / 2
        tip, tail = (np.ptp(at[1 - axis][s * sign * at[axis] > 2]) for s in (1, -1))
        assert tip > 1.5 * tail  # the head is the broader end
        assert mirrored(thing).direction == {"right": "left", "left": "right"}.get(name, name)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_colours_go_by_their_name(name: str) -> None:
    rng = np.random.default_rng(7)
    assert nearest_name(np.array(PROTOTYPES_RGB[name]) / 255) == name
    for _ in range(50):
        lab = to_lab(np.stack([draw_colour(rng, name)]))
        far = np.sort(np.linalg.norm(to_lab(np.array([PROTOTYPES_RGB[n] for n in NAMES]) / 255) - lab, axis=1))
        assert nearest_name(draw_colour(rng, name)) == name and far[1] >= 1.3 * far[0]


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_painted_main_part_has_the_named_colour(category: str) -> None:
    for seed, name in enumerate(NAMES):
        cutout = cut_out(alone(category, name, seed=seed), SIDE, DARK)
        colours = cutout.paint[cutout.alpha > 0.99]
        names = [nearest_name(colour) for colour in colours[:: max(1, len(colours) // 60)]]
        assert max(set(names), key=names.count) == name


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern not in ("plain", "hollow")])
def test_a_pattern_has_two_colours_and_spares_the_outline(pattern: str) -> None:
    plain = alone("square", "blue")
    thing = replace(plain, look=replace(plain.look, pattern=pattern))
    a, b = cut_out(plain, SIDE, DARK), cut_out(thing, SIDE, DARK)
    inner = b.paint[4:-4, 4:-4].mean(2)
    assert a.paint[4:-4, 4:-4].mean(2).std() < 0.01 and inner.std() > 0.1
    assert 0.2 < (inner > inner.mean()).mean() < 0.7
    assert np.abs(a.alpha - b.alpha).max() == 0


@pytest.mark.parametrize("category", CATEGORIES)
def test_shiny_things_have_a_bright_spot(category: str) -> None:
    matte = alone(category, "blue")
    shiny = replace(matte, look=replace(matte.look, finish="shiny"))
    whitest = [cut_out(thing, SIDE, DARK).paint.min(2) for thing in (matte, shiny)]
    assert whitest[1].max() > 0.7 and (whitest[1] > whitest[0] + 0.3).sum() >= 6


@pytest.mark.parametrize("category", [category for category in CATEGORIES if category not in UNHOLLOW])
def test_hollow_things_reach_as_far_as_solid_ones(category: str) -> None:
    solid = alone(category)
    hollow = replace(solid, look=replace(solid.look, pattern="hollow"))
    a, b = painted(solid), painted(hollow)
    assert np.abs(a.boxes_xyxy - b.boxes_xyxy).max() <= 1.5
    assert (b.ids > 0).sum() < 0.9 * (a.ids > 0).sum()


def test_a_shadow_falls_away_from_the_light() -> None:
    picture = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    light = Light(direction=(-1.0, 0.0), shadow=0.5, throw=0.05)
    cast_shadow(picture, cut_out(alone("square"), SIDE, light), light)
    half = SIDE_SHARE["large"] * SIDE / 2
    left, right = (picture[SIDE // 2, round(SIDE / 2 + sign * (half + 4)), 0] for sign in (-1, 1))
    assert right < 0.6 and left > 0.79


def test_things_stand_out_from_their_ground() -> None:
    gaps = []
    for scene in scenes(replace(BASE, name="clear", patterned=0, shiny=0), 40):
        lab = cv2.cvtColor(scene.pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        behind = np.median(lab[scene.ids == 0], axis=0)
        gaps += [np.linalg.norm(np.median(lab[scene.ids == i + 1], axis=0) - behind) for i in range(len(scene.things))]
    assert np.quantile(gaps, 0.05) > 18 and np.median(gaps) > 40


# What sets the recipes apart


def test_the_camera_makes_noise() -> None:
    def grain(recipe: Recipe) -> float:
        edges = [cv2.Laplacian(s.pixels.astype(np.float32), cv2.CV_32F)[s.ids == 0] for s in scenes(recipe, 16)]
        return float(np.mean([np.median(np.abs(edge)) for edge in edges]))

    assert PHOTO.camera is not None
    assert grain(replace(PLAIN, camera=PHOTO.camera)) > grain(PLAIN) + 4


def test_held_out_looks_are_in_no_training_scene() -> None:
    for recipe in TRAINING:
        assert not any(t.look.is_novel for number in range(60) for t in placed_things((number,), recipe))


def test_grounds_kept_for_tests_are_in_no_training_recipe() -> None:
    kept = {"street", "table", "held"}
    assert all(kept.isdisjoint(recipe.grounds) for recipe in TRAINING)
    assert kept == set(next(recipe for recipe in TEST_SETS if recipe.name == "photo-hard").grounds)
