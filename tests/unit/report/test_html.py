"""HTML is well-formed, self-contained, and shows names as they are."""

import pytest

from planner.report.html import html_table, plan_html, plan_page
from planner.report.tables import cost_table, table
from tests.support.pages import Page
from tests.support.texts import with_every_text
from tests.unit.report.hostile import NAMES

PLANS = ["storefront", "chat", "infeasible"]


@pytest.mark.parametrize("name", PLANS)
def test_a_page_is_well_formed_and_loads_nothing(name, request):
    page = Page(plan_page(request.getfixturevalue(name)))

    assert page.loads() == []
    assert not set(page.tags) & {"script", "link", "iframe", "img", "object", "form"}


@pytest.mark.parametrize("name", PLANS)
def test_no_style_fetches_anything(name, request):
    text = plan_page(request.getfixturevalue(name)).lower()

    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize("name", PLANS)
def test_a_fragment_stands_in_a_page_of_others(name, request):
    page = Page(plan_html(request.getfixturevalue(name)))

    assert not set(page.tags) & {"html", "head", "body", "title", "meta"}
    assert page.tags[:2] == ["div", "style"]


@pytest.mark.parametrize("word", NAMES)
def test_a_cell_reads_as_the_name(word):
    page = Page(html_table(table("t", ["Name"], [(word,)])))

    assert page.rows == [["Name"], [word]]


@pytest.mark.parametrize("word", NAMES)
@pytest.mark.parametrize("name", PLANS)
def test_no_name_adds_an_element(name, word, request):
    plan = request.getfixturevalue(name)
    harmless = Page(plan_page(with_every_text(plan, "shop")))

    page = Page(plan_page(with_every_text(plan, word)))

    assert page.tags == harmless.tags
    assert page.loads() == []
    assert page.addresses() == []


def test_no_control_sign_is_left(storefront):
    text = plan_page(with_every_text(storefront, "a\x1b\x00\x9b\u202eb"))

    assert not set(text) & {"\x1b", "\x00", "\x9b", "\u202e"}


def test_sources_are_links_that_tell_nothing_of_the_reader(storefront):
    page = Page(plan_page(storefront))

    assert "https://aws.amazon.com/ec2/pricing/on-demand/" in page.addresses()
    tells = [v for tag, name, v in page.attributes if (tag, name) == ("a", "rel")]
    assert set(tells) == {"noopener noreferrer"}


def test_the_bill_of_the_page_is_the_bill_of_the_table(storefront):
    page = Page(plan_page(storefront))

    for row in cost_table(storefront).rows:
        assert list(row) in page.rows


def test_totals_and_numbers_are_marked():
    text = html_table(table("t", ["Item", ">USD"], [("a", "1")], total=("Total", "1")))

    assert text.count('<tr class="total">') == 1
    assert text.count('class="n"') == 3
