"""The engine's oracles by number, and the test that holds each: a test that is renamed or dropped is missed here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
ORACLES = {
    "O1 silence is the base": "merging/test_claims.py::test_silence_gives_back_the_base_to_the_bit",
    "O2 one expert is that expert": "merging/test_claims.py::test_one_expert_alone_is_that_expert_to_the_bit",
    "O3 order in the recipe": "merging/test_claims.py::test_order_in_the_recipe_changes_no_bit",
    "O4 any way there": "merging/test_claims.py::test_walk_and_jump_end_in_the_same_bits",
    "O4 preview": "merging/test_claims.py::test_held_fader_shows_the_merge_within_rounding",
    "O5 odd tensors against float64": "merging/test_against_reference.py::test_task_arithmetic_is_the_weighted_sum",
    "O6 nothing is written to": "merging/test_claims.py::test_nothing_given_is_written_to",
    "O7 tied weights": "merging/test_claims.py::test_tied_weights_share_storage",
    "O8 copied and frozen keys": "merging/test_claims.py::test_unmoved_and_whole_number_keys_are_the_base",
    "O9 not finite": "merging/test_arena.py::test_refuses_another_network_and_names_the_key",
    "O10 tiles": "merging/test_claims.py::test_tile_size_changes_no_bit",
    "O10 threads": "merging/test_claims.py::test_thread_count_changes_no_bit",
    "O11 memory": "merging/test_memory.py::test_a_moving_fader_takes_blocks_and_no_buffer",
    "O12 saved and loaded": "merging/test_claims.py::test_saved_and_loaded_recipe_and_weights_give_the_same_bits",
    "O12 metadata": "commands/test_merge.py::test_the_file_names_its_recipe_and_hash_and_the_weights",
    "O13 keys once": "merging/test_arena.py::test_every_key_belongs_to_one_block",
    "O13 block by block": "merging/test_claims.py::test_blocks_merged_one_by_one_are_the_whole",
    "O14 coefficients": "merging/test_learning.py::test_gradient_of_every_coefficient_is_the_central_difference",
    "O14 masks": "merging/test_concrete.py::test_gradient_of_the_logits_is_the_central_difference",
    "O15 scaling": "merging/test_claims.py::test_twice_the_vectors_is_twice_the_change",
}


def test_there_is_one_for_each_number() -> None:
    assert {int(re.findall(r"O(\d+)", name)[0]) for name in ORACLES} == set(range(1, 16))


@pytest.mark.parametrize("place", ORACLES.values(), ids=ORACLES)
def test_each_oracle_has_its_test(place: str) -> None:
    file, _, name = place.partition("::")
    assert f"def {name}(" in (TESTS / "pipelines" / file).read_text()
