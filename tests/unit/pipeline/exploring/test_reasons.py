"""What is said where nothing on offer was ever measured, and the way out of it."""

import pytest

from planner.pipeline.exploring.reasons import reasons
from tests.support.questions import asked, document


@pytest.mark.parametrize(
    ("predicts", "way_out"),
    [
        (False, "policy.predict_unmeasured: true takes predictions"),
        (True, "planner predict SPEC --device raspberry-pi-5 says why"),
    ],
)
def test_a_device_that_nobody_measured_it_on_is_refused_with_the_way_out(
    predicts, way_out
):
    spec = document(
        sites__0__devices=[{"device": "raspberry-pi-5", "stock": 4, "capex_usd": 80}],
        policy__predict_unmeasured=predicts,
    )

    (reason,) = reasons(asked(spec), time_limit_s=30.0)

    assert "no machine on offer has a profile of m" in reason.sentence
    assert way_out in reason.sentence
