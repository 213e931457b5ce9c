"""Slices as users give them."""

import numpy as np
import pytest

from planner.errors import ModelLoadError
from profilers.quality.slices import slices


def test_an_array_of_names_cuts_the_set_once():
    found = slices(["day", "night", "day"], 3, "'m:f'")

    assert {n: list(inside) for n, inside in found.items()} == {
        "day": [True, False, True],
        "night": [False, True, False],
    }


def test_a_dict_cuts_it_several_ways_and_names_the_way():
    found = slices({"shop": np.array([1, 2]), "dark": np.array([True, False])}, 2, "f")

    assert list(found) == ["shop=1", "shop=2", "dark"]
    assert list(found["dark"]) == [True, False]


def test_a_part_without_samples_is_none():
    assert slices({"dark": np.zeros(4, dtype=bool)}, 4, "f") == {}


@pytest.mark.parametrize("given", [["a", "b"], [[1], [2], [3]], [0.5, 0.1, 0.2], 7])
def test_what_is_no_group_of_each_sample_is_refused_in_words(given):
    with pytest.raises(ModelLoadError, match="for each of the 3 samples"):
        slices(given, 3, "'m:f'")


def test_a_name_for_every_sample_is_no_slice():
    with pytest.raises(ModelLoadError, match="name groups"):
        slices(range(500), 500, "f")
