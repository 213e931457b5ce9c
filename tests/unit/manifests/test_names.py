"""Names that DNS allows, for any name that a spec allows."""

import re

import pytest
from hypothesis import given

from planner.errors import ManifestError
from planner.manifests.names import MAX_LENGTH, require_distinct, slug, variable
from tests.support.any_plan import NAMES

# RFC 1035, as Kubernetes asks it of a Service's name.
LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@given(name=NAMES)
def test_every_name_becomes_a_dns_label(name: str):
    assert LABEL.fullmatch(slug(name))
    assert len(slug(name)) <= MAX_LENGTH


@given(one=NAMES, other=NAMES)
def test_two_names_never_share_a_label(one: str, other: str):
    assert (slug(one) == slug(other)) == (one == other)


def test_a_name_that_is_a_label_already_is_kept():
    assert slug("shelf-cameras") == "shelf-cameras"


@pytest.mark.parametrize(
    ("one", "other"),
    [("shop_1", "shop-1"), ("商店", "饭店"), ("Café", "cafe"), ("a--2", "a-2")],
)
def test_names_that_fold_alike_stay_apart(one: str, other: str):
    assert slug(one) != slug(other)


def test_a_variable_is_one_that_a_shell_takes():
    assert re.fullmatch(r"[A-Z_][A-Z0-9_]*", variable(slug("商店 №1"), "IMAGE"))


def test_names_that_would_collide_are_refused_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("planner.manifests.names.slug", lambda _: "same")

    with pytest.raises(ManifestError, match="'b' and 'a'"):
        require_distinct(["a", "b"])
