"""Which device an instance type is: stated by a source, or skipped with a reason."""

import datetime as dt

import pytest

from planner.domain.hardware import Purchase
from planner.domain.quotes import InstanceQuote
from planner.reference.offers import offers_of, skipped

DAY = dt.date(2026, 11, 1)


def quote(instance_type, *, provider="aws", accelerator=None, count=0.0, **more):
    values = {
        "provider": provider,
        "region": "somewhere",
        "instance_type": instance_type,
        "vcpus": 8,
        "memory_bytes": 32.0 * 1024**3,
        "accelerator": accelerator,
        "accelerator_count": count,
        "on_demand_usd_per_h": 1.0,
        "on_demand_source": "list",
        "on_demand_as_of": DAY,
    }
    return InstanceQuote(**values | more)


@pytest.mark.parametrize(
    ("given", "device"),
    [
        (quote("c7g.2xlarge"), "graviton3-8vcpu"),
        (quote("m7g.2xlarge"), "graviton3-8vcpu"),
        (quote("c8g.2xlarge"), "graviton4-8vcpu"),
        (quote("c6i.2xlarge"), "xeon-ice-lake-8vcpu"),
        (quote("m7a.2xlarge"), "epyc-genoa-8vcpu"),
        (quote("t3.2xlarge"), "xeon-cascade-lake-burstable-8vcpu"),
        (quote("m7i-flex.2xlarge"), "xeon-sapphire-rapids-flex-8vcpu"),
        (quote("Standard_D8as_v5", provider="azure"), "epyc-milan-8vcpu"),
        (quote("Standard_B8ms", provider="azure"), "xeon-cascade-lake-burstable-8vcpu"),
        (quote("c3-standard-8", provider="gcp"), "xeon-sapphire-rapids-8vcpu"),
        (quote("p4d.24xlarge", accelerator="A100", count=8), "nvidia-a100-40gb-sxm"),
        (quote("p4de.24xlarge", accelerator="A100", count=8), "nvidia-a100-80gb-sxm"),
        (
            quote(
                "Standard_NC24ads_A100_v4",
                provider="azure",
                accelerator="A100",
                count=1,
            ),
            "nvidia-a100-80gb-pcie",
        ),
        (
            quote(
                "gpu_1x_h100_pcie", provider="lambda", accelerator="H100 PCIe", count=1
            ),
            "nvidia-h100-80gb-pcie",
        ),
        (
            quote(
                "gpu_1x_h100_sxm5", provider="lambda", accelerator="H100 SXM", count=1
            ),
            "nvidia-h100-80gb-sxm",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.instance_type,
)
def test_a_family_is_the_device_that_its_source_names(given, device):
    (found,) = offers_of(given)

    assert found.device == device


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (quote("x99z.large"), "no source states its processor"),
        (quote("e2-standard-8", provider="gcp"), "no source states its processor"),
        (
            quote("gpu_8x_a100", provider="lambda", accelerator="A100", count=8),
            "no source states which board 'A100' is",
        ),
        (quote("g6f.large", accelerator="L4", count=1), "fractions"),
        (
            quote(
                "Standard_NV6ads_A10_v5",
                provider="azure",
                accelerator="A10",
                count=1 / 6,
            ),
            "has 0.166667 accelerators",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.instance_type,
)
def test_what_no_source_tells_apart_is_skipped_with_the_reason(given, reason):
    (found,) = skipped([given])

    assert reason in found.reason
    assert offers_of(given) == ()


def test_a_priced_spot_quote_is_a_second_offer_with_its_own_source_and_date():
    given = quote(
        "c7g.2xlarge",
        spot_usd_per_h=0.4,
        spot_source="advisor",
        spot_as_of=dt.date(2026, 10, 1),
        interruption_frac_per_month=0.05,
    )

    on_demand, spot = offers_of(given)

    assert (on_demand.purchase, spot.purchase) == (Purchase.ON_DEMAND, Purchase.SPOT)
    assert on_demand.name == "aws/somewhere/c7g.2xlarge/on_demand"
    assert spot.name == "aws/somewhere/c7g.2xlarge/spot"
    assert (spot.price_source, spot.price_as_of) == ("advisor", dt.date(2026, 10, 1))
    assert spot.interruption_frac_per_month == 0.05
    assert on_demand.interruption_frac_per_month is None


def test_what_is_sold_as_spot_only_has_no_on_demand_offer():
    (found,) = offers_of(
        quote(
            "c7g.2xlarge",
            on_demand_usd_per_h=None,
            spot_usd_per_h=0.4,
            spot_source="history",
            spot_as_of=DAY,
        )
    )

    assert found.purchase is Purchase.SPOT
