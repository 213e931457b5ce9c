"""All shipped facts keep the rules, cite their sources, and cover what was promised."""

import csv
import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

import planner.reference
from planner.domain.hardware import DeviceKind, Purchase
from planner.domain.profiles import BatchProfile, LoadCurve, TokenRates
from planner.errors import PriceMissingError
from planner.reference.catalog import Catalog
from planner.reference.devices import is_device
from planner.reference.integrity import (
    check_devices,
    check_offers,
    check_profiles,
    check_quotes,
)

CATALOG = Catalog.shipped()
# The day the raw facts were gathered: nothing shipped is younger.
GATHERED = dt.date(2026, 11, 24)
DATA = Path(planner.reference.__file__).parent / "data"
PROVIDERS = CATALOG.providers()
MODELS = [m.name for m in CATALOG.models()]
# Tables that only name sources: they hold no figures of any.
INDEXES = {"sources.csv", "models.csv"}


def regions(provider):
    return [r.name for r in CATALOG.regions(provider)]


def table(path):
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_no_device_breaks_a_rule():
    assert check_devices(CATALOG.devices(), today=GATHERED) == ()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_quote_and_no_offer_breaks_a_rule(provider):
    quotes = [q for r in regions(provider) for q in CATALOG.quotes(provider, r)]
    offers = CATALOG.offers(provider, regions(provider), list(Purchase))

    assert check_quotes(quotes, today=GATHERED) == ()
    assert check_offers(offers, is_device=is_device, today=GATHERED) == ()
    assert offers


@pytest.mark.parametrize("model", MODELS)
def test_no_profile_breaks_a_rule(model):
    profiles = CATALOG.profiles(model)

    assert profiles
    assert check_profiles(profiles, is_device=is_device, today=GATHERED) == ()


def test_every_source_that_a_table_names_is_listed_and_every_listed_one_is_named():
    listed = {row["key"] for row in table(DATA / "sources.csv")}
    named = set()
    for path in DATA.rglob("*.csv"):
        if path.name != "sources.csv":
            for row in table(path):
                for column in row:
                    if column in ("sources", "source") or column.endswith("_source"):
                        named.update(row[column].split())

    assert named == listed


def test_what_spare_cores_gathered_lies_beside_its_licence_and_nothing_else_does():
    for path in DATA.rglob("*.csv"):
        if path.name in INDEXES:
            continue
        shared = "sparecores" in path.parts
        for row in table(path):
            keys = row.get("sources", row.get("source", "")).split()
            assert {k.startswith("sc-") for k in keys} <= {shared}, path
    assert "CC BY-SA 4.0" in (DATA / "sparecores" / "LICENSE.md").read_text()


def test_sources_of_spare_cores_name_the_licence():
    for row in table(DATA / "sources.csv"):
        assert row["key"].startswith("sc-") == ("Spare Cores" in row["citation"])
        assert row["key"].startswith("sc-") == row["licence"].startswith("CC-BY-SA-4.0")
        assert row["licence"]


def test_figures_of_mlperf_say_that_they_were_not_verified():
    for row in table(DATA / "sources.csv"):
        if row["citation"].startswith("MLPerf"):
            assert "not verified by MLCommons Association" in row["citation"]


def test_no_key_is_listed_twice():
    for name, key in [
        ("sources.csv", ("key",)),
        ("devices.csv", ("name",)),
        ("models.csv", ("name",)),
        ("notes.csv", ("key",)),
        ("regions.csv", ("provider", "name")),
        ("accelerators.csv", ("provider", "family", "accelerator")),
        ("access_networks.csv", ("name",)),
        ("egress.csv", ("provider", "region")),
        ("electricity.csv", ("zone",)),
        ("rtt.csv", ("from", "to", "source")),
    ]:
        keys = [tuple(row[k] for k in key) for row in table(DATA / name)]
        assert len(keys) == len(set(keys)), name


def test_aws_sells_150_types_and_every_gpu_family_in_the_promised_regions():
    families = {
        "us-east-1": {"g4dn", "g5", "g5g", "g6", "g6e", "p3", "p4d", "p5", "p5en"},
        "us-west-2": {"g4dn", "g5", "g5g", "g6", "g6e", "p3", "p4d", "p5"},
        "eu-central-1": {"g4dn", "g5", "g6", "g6e"},
        "ap-northeast-1": {"g4dn", "g5", "g5g", "g6", "g6e", "p3", "p4d", "p5"},
    }
    for region, promised in families.items():
        offers = CATALOG.offers("aws", [region], list(Purchase))

        assert len({o.instance_type for o in offers}) >= 150
        assert promised <= {o.instance_type.split(".")[0] for o in offers}
        assert any(o.interruption_frac_per_month for o in offers)


@pytest.mark.parametrize(
    ("provider", "least"),
    [("azure", 150), ("gcp", 100), ("lambda", 10), ("runpod", 10)],
)
def test_other_clouds_have_a_first_set(provider, least):
    offers = CATALOG.offers(provider, regions(provider), list(Purchase))

    assert len({o.instance_type for o in offers}) >= least


def test_vision_classifiers_run_at_both_precisions_on_ten_devices():
    by_precision = {"fp32": set(), "int8": set()}
    for model in CATALOG.models():
        if model.task == "image classification" and model.metric == "top1_accuracy":
            for p in CATALOG.profiles(model.name):
                if p.quality and p.variant.precision in by_precision:
                    by_precision[p.variant.precision].add(p.device)

    both = by_precision["fp32"] & by_precision["int8"]
    kinds = {CATALOG.device(d).kind for d in both}
    assert len(both) >= 10
    assert kinds >= {DeviceKind.EDGE, DeviceKind.CPU}


def test_detectors_run_on_a_pi_a_jetson_and_a_coral():
    devices = {
        p.device
        for m in CATALOG.models()
        if m.task == "object detection"
        for p in CATALOG.profiles(m.name)
    }

    assert {"raspberry-pi-4", "raspberry-pi-5", "jetson-orin-nx-16gb"} <= devices
    assert {"raspberry-pi-4-coral-usb", "jetson-orin-nano-super-8gb"} <= devices


def test_language_models_have_curves_on_gpus_and_rates_on_small_boxes():
    curves, rates = set(), set()
    for model in MODELS:
        for p in CATALOG.profiles(model):
            if isinstance(p, LoadCurve):
                curves.add(p.device)
            elif isinstance(p, TokenRates):
                rates.add(p.device)

    assert {"nvidia-l4", "nvidia-a10g", "nvidia-h200-141gb-sxm"} <= curves
    assert {"raspberry-pi-5-8gb", "gmktec-g3-plus-n150", "graviton3-8vcpu"} <= rates


def test_every_model_says_by_which_metric_it_is_measured():
    for model in CATALOG.models():
        metrics = {p.quality.metric for p in CATALOG.profiles(model.name) if p.quality}
        assert metrics <= {model.metric}
        assert bool(metrics) == bool(model.metric)


def test_batches_that_were_published_together_are_one_profile():
    sizes = [
        len(p.points)
        for p in CATALOG.profiles("resnet-50")
        if isinstance(p, BatchProfile)
    ]

    assert max(sizes) >= 8


@pytest.mark.parametrize("provider", PROVIDERS)
def test_traffic_is_priced_in_every_region_with_offers_but_some_of_google(provider):
    for name in regions(provider):
        unpriced = provider == "gcp" and CATALOG.region(provider, name).zone in (
            "ap",
            "au",
            "sa",
        )
        if unpriced:
            with pytest.raises(PriceMissingError, match=f"{provider} {name}"):
                CATALOG.egress_usd_per_gb(provider, name)
        elif CATALOG.quotes(provider, name):
            price, source = CATALOG.egress_usd_per_gb(provider, name)
            assert source
            assert (price == 0) == (provider == "lambda")


def test_the_tables_stay_small():
    size = sum(p.stat().st_size for p in DATA.rglob("*") if p.is_file())

    assert size < 3e6


def test_a_recommendation_reads_neither_other_models_nor_other_providers():
    script = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda e, a: e == 'open' and opened.append(str(a[0])))\n"
        "from planner.reference.catalog import Catalog\n"
        "from planner.domain.hardware import Purchase\n"
        "c = Catalog.shipped()\n"
        "c.profiles('mobilenet-v2-1.0-224')\n"
        "c.offers('aws', ['eu-central-1'], [Purchase.ON_DEMAND])\n"
        "print(*sorted({p.split('/data/')[1] for p in opened if '/data/' in p}))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert set(done.stdout.split()) == {
        "accelerators.csv",
        "batches/mobilenet-v2-1.0-224.csv",
        "devices.csv",
        "models.csv",
        "notes.csv",
        "quotes/aws/eu-central-1.csv",
        "regions.csv",
        "shapes/aws.csv",
        "sources.csv",
        "sparecores/families/aws.csv",
        "sparecores/shapes/aws.csv",
    }
