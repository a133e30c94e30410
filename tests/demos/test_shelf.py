"""What is kept, and what goes."""

from __future__ import annotations

from demos.shelf import Shelf


def test_the_shelf_forgets_the_oldest_when_full() -> None:
    shelf = Shelf(most_bytes=100)
    for name in ("a", "b", "c"):
        shelf.put(name, name.upper(), 40)
    assert shelf.get("a") is None and shelf.get("c") == "C"


def test_what_was_used_lately_stays() -> None:
    shelf = Shelf(most_bytes=100)
    shelf.put("a", 1, 40)
    shelf.put("b", 2, 40)
    shelf.get("a")
    shelf.put("c", 3, 40)
    assert shelf.get("a") == 1 and shelf.get("b") is None


def test_replacing_a_value_does_not_count_it_twice() -> None:
    shelf = Shelf(most_bytes=100)
    for _ in range(5):
        shelf.put("a", 1, 60)
    shelf.put("b", 2, 40)
    assert shelf.get("a") == 1 and shelf.get("b") == 2
