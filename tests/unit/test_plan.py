"""The document goes to text and back without loss."""

import json

import pytest

from planner.plan import Answer
from planner.specs.plan import PlanDocument
from tests.support.texts import with_every_text


@pytest.mark.parametrize("name", ["storefront", "chat", "infeasible"])
def test_what_is_written_reads_back_equal(name, request):
    plan = request.getfixturevalue(name)

    assert PlanDocument.model_validate_json(Answer(plan).to_json()) == plan


def test_keys_are_the_contract_s_and_names_stay_readable(infeasible):
    text = Answer(with_every_text(infeasible, "商店")).to_json()

    change = json.loads(text)["relaxations"][0]["change"][0]
    assert set(change) == {"field", "from", "to", "unit", "not_enough"}
    assert "商店" in text
    assert text.endswith("}\n")
