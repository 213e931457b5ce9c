"""Answers that several tests start from, as fixtures; `tests.support` has the makers."""

import pytest

from tests.support.chat_plans import chat_plan
from tests.support.plans import storefront_plan
from tests.support.refusals import infeasible_plan


@pytest.fixture
def storefront():
    return storefront_plan()


@pytest.fixture
def chat():
    return chat_plan()


@pytest.fixture
def infeasible():
    return infeasible_plan()
