"""The catalogue's tables name what is known, its source, and what is not known."""

import datetime as dt
from dataclasses import replace

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Device, DeviceKind, Offer, Purchase
from planner.domain.profiles import (
    BatchProfile,
    LoadCurve,
    LoadPoint,
    Quality,
    ServicePoint,
    TokenRates,
)
from planner.domain.variants import Precision, Runtime, Variant
from planner.reference.records import AccessNetwork, PublishedModel
from planner.report import catalog
from planner.units import BYTES_PER_GIB

TODAY = dt.date(2026, 3, 2)
BOARD = Device(
    name="raspberry-pi-5",
    kind=DeviceKind.EDGE,
    description="single-board computer",
    source="https://www.raspberrypi.com/products/raspberry-pi-5/",
    as_of=TODAY,
    cores=4,
    memory_bytes=8 * BYTES_PER_GIB,
    memory_bytes_per_s=17.1e9,
    idle_w=2.7,
    active_w=8.8,
    capex_usd=80.0,
)
VARIANT = Variant(precision=Precision.INT8, runtime=Runtime.TFLITE)
EVIDENCE = Evidence(
    provenance=Provenance.IMPORTED, source="MLPerf", as_of=TODAY, error_frac=0.1
)


def cells(table):
    titles = [c.title for c in table.columns]
    return dict(zip(titles, table.rows[0], strict=True))


def test_a_device_has_its_source_and_dashes_for_the_unknown():
    listed = catalog.devices_table([BOARD])
    row = cells(listed)

    assert row["Device"] == "raspberry-pi-5"
    assert row["Memory"] == "8 GiB"
    assert row["GB/s"] == "17.1"
    assert row["Watts"] == "2.7 to 8.8"
    assert row["int8 TOP/s"] == "—"
    assert row["As of"] == "2026-03-02"
    assert row["Source"] == "[1]"
    assert f"[1] {BOARD.source}" in listed.footnotes


def test_the_detail_of_a_device_tells_every_fact():
    facts = dict(catalog.device_detail(BOARD).rows)

    assert facts["Price to buy, USD"] == "80.00"
    assert facts["Architecture"] == "—"
    assert facts["Source"] == BOARD.source


def test_a_device_whose_watts_nobody_states_has_a_dash():
    silent = Device(
        name="x", kind=DeviceKind.CPU, description="", source="s", as_of=TODAY
    )

    assert cells(catalog.devices_table([silent]))["Watts"] == "—"


def test_an_offer_has_price_date_and_how_often_it_is_taken_back():
    offer = Offer(
        name="aws/us-east-1/g6.xlarge/spot",
        provider="aws",
        site="us-east-1",
        instance_type="g6.xlarge",
        device="nvidia-l4",
        device_count=1,
        purchase=Purchase.SPOT,
        price_usd_per_h=0.3219,
        price_source="AWS spot history",
        price_as_of=TODAY,
        vcpus=4,
        memory_bytes=16 * BYTES_PER_GIB,
        interruption_frac_per_month=0.05,
    )

    row = cells(catalog.offers_table([offer]))

    assert row["Where"] == "aws us-east-1"
    assert row["USD/h"] == "0.3219"
    assert row["Taken back"] == "5 %"
    assert row["As of"] == "2026-03-02"


def test_a_batch_profile_tells_its_first_and_last_batch():
    profile = BatchProfile(
        model="mobilenet",
        variant=VARIANT,
        device="raspberry-pi-4",
        points=(ServicePoint(batch=1, p50_s=0.0311), ServicePoint(batch=8, p50_s=0.2)),
        evidence=EVIDENCE,
        quality=Quality(metric="top1_accuracy", value_frac=0.7068, source="s"),
    )

    row = cells(catalog.profiles_table([profile]))

    assert row["Variant"] == "int8 on tflite"
    assert row["What it did"] == "31.1 ms for 1, 200 ms for 8"
    assert row["Quality"] == "top1_accuracy 70.68 %"
    assert row["Error up to"] == "10 %"


def test_language_profiles_tell_load_or_token_rates():
    point = LoadPoint(
        concurrency=8,
        rate_rps=1.5,
        ttft_p50_s=0.2, ttft_p95_s=0.4, ttft_p99_s=0.5,
        tpot_p50_s=0.03, tpot_p95_s=0.047, tpot_p99_s=0.05,
        e2e_p50_s=8.0, e2e_p95_s=11.0, e2e_p99_s=12.0,
        output_tokens_per_s=380.0,
    )  # fmt: skip
    curve = LoadCurve(
        model="llama", variant=VARIANT, device="nvidia-l4", prompt_tokens=512,
        output_tokens=256, points=(point,), evidence=EVIDENCE, device_count=2,
    )  # fmt: skip
    rates = TokenRates(
        model="llama", variant=VARIANT, device="c7g", prompt_tokens_per_s=93.0,
        output_tokens_per_s=11.2, evidence=EVIDENCE,
    )  # fmt: skip

    table = catalog.profiles_table([curve, rates])

    assert table.title == "Profiles (llama, imported, 2026-03-02)"
    assert table.rows[0][:3] == (
        "2 × nvidia-l4",
        "int8 on tflite",
        "1.5/s of 512+256 tokens at TTFT p95 400 ms, TPOT p95 47 ms",
    )
    assert table.rows[1][2] == "reads 93 and writes 11.2 tokens/s"


def test_a_source_of_several_rows_is_told_once_by_its_number():
    other = replace(BOARD, name="b", source="another book")

    table = catalog.devices_table([BOARD, other, replace(BOARD, name="c")])

    column = [c.title for c in table.columns].index("Source")
    assert [row[column] for row in table.rows] == ["[1]", "[2]", "[1]"]
    assert table.footnotes[-2:] == (f"[1] {BOARD.source}", "[2] another book")


def test_models_and_access_networks_are_listed_with_their_sources():
    model = PublishedModel(
        name="mobilenet", task="classification", metric="", description="d", source="s"
    )
    network = AccessNetwork(
        name="cable", description="d", rtt_s=0.018, down_bytes_per_s=12.5e6,
        up_bytes_per_s=1.25e6, source="Ookla", as_of=TODAY,
    )  # fmt: skip

    assert cells(catalog.models_table([model]))["Quality in"] == "—"
    row = cells(catalog.access_table([network]))
    assert row["Round trip"] == "18 ms"
    assert (row["Down, Mbit/s"], row["Up, Mbit/s"]) == ("100", "10")


def test_an_empty_list_says_so():
    for make in (
        catalog.devices_table,
        catalog.offers_table,
        catalog.models_table,
        catalog.profiles_table,
        catalog.access_table,
    ):
        assert make([]).footnotes == ("Nothing matches.",)
