"""Markdown shows names as they are, as an independent renderer reads it."""

import pytest
from markdown_it import MarkdownIt

from planner.report.markdown import escaped, markdown_table, plan_markdown
from planner.report.tables import placements_table, table
from tests.support.pages import Page
from tests.support.texts import with_every_text
from tests.unit.report.hostile import NAMES

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def rendered(text: str) -> Page:
    return Page(RENDERER.render(text))


@pytest.mark.parametrize("word", NAMES)
def test_a_cell_reads_as_the_name(word):
    page = rendered(markdown_table(table("t", ["Name", ">N"], [(word, "1")])))

    assert page.rows == [["Name", "N"], [" ".join(word.split()), "1"]]


@pytest.mark.parametrize("word", NAMES)
def test_a_line_reads_as_the_name(word):
    page = rendered(escaped(word))

    assert page.tags == ["p"]
    assert "".join(page.text).strip() == word


@pytest.mark.parametrize("word", NAMES)
def test_a_whole_report_of_such_names_has_only_our_elements(storefront, word):
    page = rendered(plan_markdown(with_every_text(storefront, word)))

    ours = {"h1", "h2", "p", "strong", "em", "ul", "ol", "li", "code", "hr", "table"}
    assert set(page.tags) <= ours | {"thead", "tbody", "tr", "th", "td"}


def test_a_table_reads_back_cell_by_cell(storefront):
    expected = placements_table(storefront)

    page = rendered(markdown_table(expected))

    assert page.rows[1:] == [list(row) for row in expected.rows]


def test_sources_are_links(storefront):
    page = rendered(plan_markdown(storefront))

    assert "https://aws.amazon.com/ec2/pricing/on-demand/" in page.addresses()


def test_only_the_web_is_linked():
    page = rendered(escaped("javascript:alert(1) ftp://a file:///etc/passwd"))

    assert page.addresses() == []


def test_an_address_with_a_pipe_stays_in_its_cell():
    page = rendered(
        markdown_table(table("t", ["Source"], [("https://example.org/a|b",)]))
    )

    assert page.addresses() == ["https://example.org/a%7Cb"]
    assert len(page.rows[1]) == 1


@pytest.mark.parametrize("name", ["storefront", "chat", "infeasible"])
def test_a_report_has_one_title_and_says_what_to_do_next(name, request):
    page = rendered(plan_markdown(request.getfixturevalue(name)))

    assert page.tags.count("h1") == 1
    assert "What to do next" in page.text
