"""How each figure of a plan is known."""

from dataclasses import replace

import pytest

from planner.domain.evidence import Provenance
from planner.domain.quality import Drop
from planner.pipeline.telling.evidence import evidence
from planner.reference.catalog import Catalog
from tests.support.questions import asked, document

DROP = Drop(n_samples=597, n_flips=3, n_right_to_wrong=0, n_wrong_to_right=2, drop_frac=-2 / 597, low_frac=-0.0119, high_frac=0.0044)  # fmt: skip
# On a board of which only published profiles are known, some with a score.
WAY = next(
    option
    for option in asked(document(workloads__0__slo__latency_ms=2)).too_slow
    if option.profile.quality is not None
)


def lines(provenance, drop):
    profile = replace(
        WAY.profile,
        evidence=replace(WAY.profile.evidence, provenance=provenance),
        quality=replace(WAY.profile.quality, drop=drop),
    )
    told = evidence([replace(WAY, profile=profile)], Catalog.shipped())
    return {line.what.partition(" of ")[0]: line for line in told}


@pytest.mark.parametrize(
    ("provenance", "drop", "known"),
    [
        (Provenance.EMULATED, None, "measured"),
        (Provenance.PREDICTED, DROP, "measured"),
        (Provenance.PREDICTED, None, "predicted"),
        (Provenance.PUBLISHED, None, "published"),
    ],
)
def test_a_score_that_was_graded_here_is_measured_whatever_the_times_are(
    provenance, drop, known
):
    told = lines(provenance, drop)

    assert told["latency"].provenance == provenance.value
    assert told["top1_accuracy"].provenance == known


def test_what_it_loses_beside_fp32_is_an_interval_with_its_unit():
    source = lines(Provenance.MEASURED, DROP)["top1_accuracy"].source

    assert source.endswith("-0.34 % less, 95 % interval -1.19 to 0.44 %")
