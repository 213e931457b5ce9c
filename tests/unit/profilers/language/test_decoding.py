"""Tokens are written as transformers' own generation writes them."""

from itertools import islice

import numpy as np
import pytest
import torch
import transformers

from profilers.language import decoding
from tests.support import networks

pytestmark = pytest.mark.slow

PROMPT = [1005, 7, 4_200, 311, 9_999]


@pytest.fixture(scope="module")
def inner(tmp_path_factory):
    folder = networks.talker(tmp_path_factory.mktemp("talker"))
    return transformers.LlamaForCausalLM.from_pretrained(folder).eval()


def test_the_likeliest_tokens_are_those_of_greedy_generation(inner):
    theirs = inner.generate(
        torch.tensor([PROMPT]), do_sample=False, max_new_tokens=20, eos_token_id=None
    )

    ours = list(islice(decoding.written(inner, PROMPT, decoding.likeliest), 20))

    assert ours == theirs[0, len(PROMPT) :].tolist()


def test_a_seed_gives_the_same_text_again_and_another_seed_another(inner):
    def text(seed):
        written = decoding.written(inner, PROMPT, decoding.drawn(1.0, seed))
        return list(islice(written, 8))

    assert text(3) == text(3) != text(4)


def test_tokens_are_drawn_as_often_as_softmax_says():
    logits = torch.tensor([0.0, 1.0, 2.0])
    choose = decoding.drawn(0.5, 0)

    seen = np.bincount([choose(logits) for _ in range(4000)], minlength=3) / 4000

    # e^0, e^2, e^4 over their sum; four standard errors of a share are at most 0.032.
    shares = np.exp([0.0, 2.0, 4.0])
    np.testing.assert_allclose(seen, shares / shares.sum(), atol=0.032)
