"""Language models behind the OpenAI routes: addresses, names, requests."""

import json

import numpy as np
import pytest

from planner.errors import SpecError, SpecFileError
from profilers.verifying import openai
from profilers.verifying.openai import Lengths, route


@pytest.mark.parametrize(
    ("url", "root", "path"),
    [
        ("http://h:8000", "http://h:8000/", openai.COMPLETIONS),
        ("http://h:8000/v1/", "http://h:8000/", openai.COMPLETIONS),
        ("http://h/llm/v1/completions", "http://h/llm/", openai.COMPLETIONS),
        ("http://h/v1/chat/completions", "http://h/", openai.CHAT),
    ],
)
def test_an_address_is_a_root_and_one_of_two_routes(url, root, path):
    assert (route(url).root, route(url).path) == (root, path)


def test_made_up_prompts_have_exactly_so_many_tokens_and_differ():
    rng = np.random.default_rng(1)

    made = openai.made_up(
        route("http://h"), "m", Lengths(prompt=[5, 900], output=[3, 70]), rng
    )

    first, second = (json.loads(b) for b in made.bodies)
    assert [len(first["prompt"]), len(second["prompt"])] == [5, 900]
    assert [first["max_tokens"], second["max_tokens"]] == [3, 70]
    assert first["ignore_eos"] is True
    assert first["stream"] is True
    assert first["prompt"] != second["prompt"][:5]


def test_the_users_prompts_end_where_the_model_ends_them(tmp_path):
    file = tmp_path / "p.json"
    file.write_text(json.dumps({"prompts": ["2+2?"], "answers": ["4"]}))

    own = openai.from_prompts(file, route("http://h/v1/chat/completions"), "m", 9)

    body = json.loads(own.bodies[0])
    assert body["messages"] == [{"role": "user", "content": "2+2?"}]
    assert "ignore_eos" not in body
    assert own.expected == ("4",)


@pytest.mark.parametrize(
    "document", [{}, [], [1], {"prompts": ["a"], "answers": []}, {"prompts": "a"}, 7]
)
def test_other_documents_are_no_prompts(tmp_path, document):
    file = tmp_path / "p.json"
    file.write_text(json.dumps(document))

    with pytest.raises(SpecFileError, match=r"p\.json"):
        openai.from_prompts(file, route("http://h"), "m", 9)


def test_the_plans_model_is_asked_before_others_and_the_named_one_before_it():
    names = ["other", "meta-llama/Llama-3.1-8B-Instruct"]
    planned = ["llama-3.1-8b-instruct"]

    assert openai.chosen(names, wanted=None, planned=planned) == names[1]
    assert openai.chosen(names, wanted="other", planned=planned) == "other"
    with pytest.raises(SpecError, match="serves: other"):
        openai.chosen(names, wanted="mine", planned=planned)
