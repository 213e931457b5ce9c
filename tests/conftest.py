"""Answers that several tests start from, as fixtures; `tests.support` has the makers."""

import gc

import pytest

from tests.support.chat_plans import chat_plan
from tests.support.plans import storefront_plan
from tests.support.refusals import infeasible_plan


def pytest_collection_finish():
    """What thousands of tests were made of is not looked through for garbage with each."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def storefront():
    return storefront_plan()


@pytest.fixture
def chat():
    return chat_plan()


@pytest.fixture
def infeasible():
    return infeasible_plan()
