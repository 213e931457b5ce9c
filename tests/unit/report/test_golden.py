"""Whole reports, as users read them."""

import pytest

from planner.report.markdown import plan_markdown
from planner.report.text import plan_text
from tests.support.chat_plans import chat_plan
from tests.support.golden import assert_golden
from tests.support.plans import storefront_plan
from tests.support.refusals import infeasible_plan

PLANS = {
    "storefront": storefront_plan,
    "chat": chat_plan,
    "infeasible": infeasible_plan,
}


@pytest.mark.parametrize("name", PLANS)
def test_the_text_reads_as_it_was_agreed(name):
    assert_golden(f"report-{name}.txt", plan_text(PLANS[name]()))


@pytest.mark.parametrize("name", PLANS)
def test_the_markdown_reads_as_it_was_agreed(name):
    assert_golden(f"report-{name}.md", plan_markdown(PLANS[name]()))
