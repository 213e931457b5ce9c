"""Perplexity is that of transformers' own loss; intervals are as sure as they say."""

import json
from math import exp, log

import numpy as np
import pytest
import scipy.stats
import torch
import transformers

from planner.errors import ModelLoadError
from profilers.quality.likelihood import graded_text, student_t
from profilers.quality.texts import Document, read_documents
from tests.support import networks


def documents(*texts):
    return [Document(tokens=tuple(text)) for text in texts]


def table(rows):
    """A model that knows only the last token: scores of what follows it."""
    return lambda window: np.log(np.asarray(rows, dtype=np.float32))[window]


EVEN = table([[0.25] * 4] * 4)
# After 0 comes 1 with 0.7, after 1 comes 0 with 0.7; 2 and 3 never come.
ALTERNATING = table([[0.1, 0.7, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1], *[[0.25] * 4] * 2])
TEXT = documents(*[(0, 1, 0, 1, 0, 0)[: 3 + i % 4] for i in range(12)])


def grade(variant, original, texts=TEXT, window_tokens=64):
    return graded_text(variant, texts, original=original, window_tokens=window_tokens)


def test_who_knows_nothing_has_as_much_perplexity_as_there_are_words():
    found = grade(EVEN, EVEN)

    assert found.value_frac == pytest.approx(1 / 4)
    assert found.low_frac == pytest.approx(1 / 4)
    assert found.n_samples == sum(len(d.tokens) - 1 for d in TEXT)
    assert "perplexity 4 on 42 tokens of 12 documents" in found.source


def test_a_model_loses_nothing_against_itself():
    drop = grade(ALTERNATING, ALTERNATING).drop

    assert (drop.n_flips, drop.drop_frac, drop.low_frac, drop.high_frac) == (0, 0, 0, 0)


def test_what_is_lost_is_the_ratio_of_perplexities():
    worse, better = grade(EVEN, ALTERNATING), grade(ALTERNATING, EVEN)

    assert worse.drop.drop_frac == pytest.approx(
        1 - worse.value_frac / better.value_frac
    )
    assert better.drop.drop_frac < 0 < worse.drop.low_frac
    assert worse.drop.low_frac < worse.drop.drop_frac < worse.drop.high_frac < 1


def test_flips_are_counted_by_what_they_cost():
    # After 0 it says 0: wrong at each 0 → 1, right at the one 0 → 0 of a text.
    stubborn = table([[0.7, 0.1, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1], *[[0.25] * 4] * 2])
    text = documents(*[(0, 1, 0, 0, 1)] * 8)

    drop = grade(stubborn, ALTERNATING, text).drop

    assert drop.n_samples == 8 * 4
    assert (drop.n_flips, drop.n_right_to_wrong, drop.n_wrong_to_right) == (24, 16, 8)


def test_no_token_is_predicted_from_another_window():
    text = documents(*[(0, 1, 0, 1, 0)] * 8)

    found = grade(ALTERNATING, ALTERNATING, text, window_tokens=2)

    # 0 1 | 0 1 | 0: of five tokens two are predicted, and one has nothing before it.
    assert found.n_samples == 8 * 2
    assert found.value_frac == pytest.approx(0.7)


@pytest.mark.slow
def test_perplexity_is_that_of_transformers_own_loss(tmp_path):
    inner = transformers.LlamaForCausalLM.from_pretrained(
        networks.decoder(tmp_path / "llama")
    ).eval()
    rng = np.random.default_rng(0)
    texts = documents(*(rng.integers(0, 64, 20 + i).tolist() for i in range(8)))

    def scores(window):
        with torch.inference_mode():
            return inner(torch.from_numpy(window)[None]).logits[0].numpy()

    found = grade(scores, scores, texts)

    nll, n = 0.0, 0
    for text in texts:
        tokens = torch.tensor([text.tokens])
        with torch.inference_mode():
            loss = inner(tokens, labels=tokens).loss
        nll += float(loss) * (len(text.tokens) - 1)
        n += len(text.tokens) - 1
    assert -log(found.value_frac) == pytest.approx(nll / n, rel=1e-5)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Documents differ by a shift of their own, which tokens of a document share."""
    rng = np.random.default_rng(5)
    spread, n_trials, covered = 0.4, 400, 0
    for _ in range(n_trials):
        shifts = rng.normal(0, spread, 12)
        texts = documents(*([i, *[15] * rng.integers(5, 40)] for i in range(12)))

        def scores(window, shifts=shifts):
            """Token 15 has −log p of 1 plus the shift of the document's first token."""
            told = np.full((len(window), 16), -30.0, dtype=np.float32)
            told[:, 15] = -1.0 - shifts[window[0]]
            told[:, 0] = np.log1p(-np.exp(told[:, 15].clip(max=-1e-3)))
            return told

        found = grade(scores, scores, texts)
        # The mean over documents of the population, each as long as any other.
        covered += found.low_frac <= exp(-1.0) <= found.high_frac

    # 95 % ± 4 standard errors of a share over 400 trials, and the ratio's own bias.
    assert 0.90 <= covered / n_trials <= 0.99


@pytest.mark.parametrize("n_free", [7, 8, 11, 19, 50, 1000])
def test_students_quantile_is_that_of_scipy(n_free):
    assert student_t(0.975, n_free) == pytest.approx(
        scipy.stats.t.ppf(0.975, n_free), abs=2e-4
    )


def test_slices_with_documents_enough_have_a_score_of_their_own():
    easy = [Document(tokens=(0, 1, 0, 1), part="easy")] * 8
    hard = [Document(tokens=(0, 0, 0, 0), part="hard")] * 8
    few = [Document(tokens=(0, 1), part="few")] * 7

    found = grade(ALTERNATING, ALTERNATING, [*easy, *hard, *few])

    assert {s.name: round(s.value_frac, 3) for s in found.slices} == {
        "easy": 0.7,
        "hard": 0.1,
    }
    assert found.worst_slice.name == "hard"


def lines(*documents):
    return "\n".join(json.dumps(d) for d in documents)


def test_a_file_holds_words_or_tokens_a_document_a_line(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text(
        lines({"text": "abba", "slice": "words"}, *[{"tokens": [1, 2]}] * 7) + "\n\n"
    )

    read = read_documents(path, ids=lambda text: [ord(c) - 97 for c in text], n_words=9)

    assert read[0] == Document(tokens=(0, 1, 1, 0), part="words")
    assert read[1:] == (Document(tokens=(1, 2)),) * 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lines(*[{"tokens": [1, 2]}] * 7), "7 documents: give 8 at least"),
        ("{", "line 1 as JSON"),
        (lines({"tokens": [1, 2], "text": "a"}), 'line 1: give {"text"'),
        (lines({"title": "a"}), 'line 1: give {"text"'),
        (lines({"tokens": [1]}), "line 1: a document has two tokens at least"),
        (lines({"tokens": [1, 9]}), "line 1: its tokens are whole numbers below 9"),
        (lines({"tokens": [1, True]}), "line 1: its tokens are whole numbers below 9"),
    ],
)
def test_what_is_no_document_is_told_by_its_line(tmp_path, text, says):
    path = tmp_path / "texts.jsonl"
    path.write_text(text)

    with pytest.raises(ModelLoadError, match=says):
        read_documents(path, ids=list, n_words=9)
