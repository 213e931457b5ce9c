import math

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.factors import Factor
from planner.domain.variants import Precision
from planner.reference.catalog import Catalog
from planner.reference.relatives import RELATIVES


def test_a_factor_lies_in_the_middle_of_its_bounds():
    assert Factor(low_ratio=1.0, high_ratio=4.0).middle_ratio == 2.0


def test_nine_times_of_ten_the_truth_is_below_the_upper_bound():
    factor = Factor(low_ratio=1.0, high_ratio=4.0)
    evidence = Evidence(
        provenance=Provenance.EMULATED,
        source="a test",
        as_of=Catalog.shipped().device("raspberry-pi-4").as_of,
        error_frac=math.expm1(factor.sigma * 1.2815515655446004),
    )

    assert evidence.quantile_factor(0.9) == pytest.approx(2.0)


@pytest.mark.parametrize("name", RELATIVES)
def test_a_device_and_its_relative_are_devices_of_one_instruction_set(name):
    catalog = Catalog.shipped()
    device = catalog.device(name)
    relative = catalog.device(RELATIVES[name].device)

    assert device.architecture == relative.architecture == "arm64"


@pytest.mark.parametrize("name", RELATIVES)
def test_a_relative_says_why_and_where_from(name):
    relative = RELATIVES[name]

    assert set(relative.factors) == {Precision.FP32, Precision.INT8}
    assert relative.argument
    assert relative.source
    assert all(f.low_ratio < f.high_ratio for f in relative.factors.values())


def test_an_orin_nano_is_slower_than_an_agx_orin_by_its_clock_at_least():
    factor = RELATIVES["jetson-orin-nano-8gb"].factors[Precision.FP32]

    assert factor.low_ratio == pytest.approx(2.2016 / 1.5)


def test_the_super_kit_is_faster_than_the_plain_one():
    plain = RELATIVES["jetson-orin-nano-8gb"].factors
    super_kit = RELATIVES["jetson-orin-nano-super-8gb"].factors

    assert all(super_kit[p].middle_ratio < plain[p].middle_ratio for p in plain)
