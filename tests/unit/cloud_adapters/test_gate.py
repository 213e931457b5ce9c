"""Prices that break the catalogue's rules are stopped, and the first few are named."""

from dataclasses import replace

import pytest

from cloud_adapters.fake import QUOTES, FakePrices
from cloud_adapters.gate import gated
from planner.errors import CatalogIntegrityError


def snapshot(quotes):
    whole = FakePrices().fetch(["us-east-1", "eu-central-1"], on_progress=print)
    return replace(whole, quotes=quotes)


def test_a_snapshot_that_keeps_the_rules_passes_unchanged():
    good = snapshot(QUOTES)

    assert gated(good) is good


def test_one_broken_rule_is_one_sentence():
    with pytest.raises(CatalogIntegrityError, match="break 1 rule of the catalogue"):
        gated(snapshot((*QUOTES, QUOTES[0])))


def test_of_many_broken_rules_three_are_named_and_the_rest_counted():
    with pytest.raises(CatalogIntegrityError, match=r"and 3 more$"):
        gated(snapshot((*QUOTES, *QUOTES)))
