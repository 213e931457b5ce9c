"""What a language model is asked is understood exactly, or refused with a sentence."""

import json

import pytest

from planner.domain.variants import Precision, Runtime
from planner.errors import ModelLoadError
from planner.specs.models import HuggingFaceSource
from planner.specs.placements import PlanVariant
from planner.specs.serving import ServedModel, ServingConfig
from tests.support import networks

pytest.importorskip("ray.serve", reason="Ray Serve is not installed")

from profilers.serving import language
from profilers.serving.requests import RefusedRequestError

pytestmark = pytest.mark.slow


def config(folder, name):
    return ServingConfig(
        model=ServedModel(
            name="talker",
            directory=str(folder),
            source=HuggingFaceSource(
                kind="huggingface",
                folder=name,
                sequence_tokens=16,
                context_tokens=(8,),
            ),
        ),
        variant=PlanVariant(
            precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
        ),
        max_batch=1,
        max_wait_ms=0.0,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    networks.talker(folder / "mute")
    networks.talker(folder / "worded", words=["who", "is", "there"])
    networks.encoder(folder / "encoder")
    return folder


@pytest.fixture(scope="module")
def mute(folder):
    return language.load_speaker(config(folder, "mute"))


@pytest.fixture(scope="module")
def worded(folder):
    return language.load_speaker(config(folder, "worded"))


def ask(speaker, **fields):
    body = {"model": "talker", "prompt": [5, 6], "temperature": 0} | fields
    return language.understood(speaker, json.dumps(body).encode())


def test_a_prompt_is_tokens_or_the_folders_words(mute, worded):
    assert ask(mute, prompt=[3, 11_999]).prompt == (3, 11_999)
    assert ask(worded, prompt="is who there").prompt == (4, 3, 5)


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"prompt": "is who there"}, 400, "no tokenizer.json"),
        ({"prompt": []}, 400, "prompt"),
        ({"prompt": [12_000]}, 400, "none of the model's 12000"),
        ({"prompt": [-1]}, 400, "prompt"),
        ({"prompt": [1.5]}, 400, "prompt"),
        ({"prompt": [5] * 250, "max_tokens": 7}, 400, "are 257, and .* ends at 256"),
        ({"model": "other"}, 404, "ask for 'talker'"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"n": 2}, 400, "n: .*not done here"),
        ({"stop": ["x"]}, 400, "stop: .*not done here"),
        ({"logprobs": 3}, 400, "logprobs"),
        ({"top_p": 0.5}, 400, "top_p"),
        ({"echo": True}, 400, "echo"),
    ],
)
def test_what_is_not_answered_as_asked_is_refused(mute, fields, status, says):
    with pytest.raises(RefusedRequestError, match=says) as refused:
        ask(mute, **fields)

    assert refused.value.status == status


def test_an_answer_has_as_many_tokens_as_asked_for_or_ends_where_the_text_does(mute):
    answer = list(language.spoken(mute, ask(mute, max_tokens=12)))
    assert len(answer) == 12

    from dataclasses import replace

    ends_at_third = replace(mute, last=frozenset({answer[2]}))
    first = answer.index(answer[2])

    assert list(language.spoken(ends_at_third, ask(mute))) == answer[: first + 1]
    on = ask(mute, max_tokens=12, ignore_eos=True)
    assert list(language.spoken(ends_at_third, on)) == answer


def test_special_tokens_end_the_text_of_a_folder_and_are_not_told(worded):
    assert worded.last == {2}
    tell = worded.wording.teller()

    assert [tell(t) for t in (3, 2, 4)] == ["who", "", "is"]


def test_a_model_without_tokens_to_stream_is_refused(folder):
    with pytest.raises(ModelLoadError, match="no causal language model"):
        language.load_speaker(config(folder, "encoder"))
