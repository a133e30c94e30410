"""What the records promise: names of their own, settings that the code takes, words where the desk shows them."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from pipelines.merging.registry import METHODS, OFFLINE, method


def test_names_are_unique_and_found():
    names = [one.name for one in (*METHODS, *OFFLINE)]
    assert len(names) == len(set(names))
    assert all(method(one.name) is one for one in METHODS)


@pytest.mark.parametrize("record", OFFLINE, ids=lambda record: record.name)
def test_offline_methods_say_what_they_lack_and_their_settings_are_taken(record):
    assert record.needs and record.cost and record.paper and record.formula
    taken = set(inspect.signature(record.run).parameters)
    module = inspect.getmodule(record.run)
    options = [one for one in vars(module).values() if dataclasses.is_dataclass(one) and isinstance(one, type)]
    taken |= {field.name for one in options for field in dataclasses.fields(one)}
    taken |= {
        name for _, one in inspect.getmembers(module, inspect.isfunction) for name in inspect.signature(one).parameters
    }
    assert {setting.name for setting in record.settings} <= taken


@pytest.mark.parametrize("record", [*METHODS, *OFFLINE], ids=lambda record: record.name)
def test_defaults_lie_in_their_range(record):
    for setting in record.settings:
        if setting.choices:
            assert setting.default in setting.choices
        else:
            assert setting.minimum <= setting.default <= setting.maximum and setting.step > 0
