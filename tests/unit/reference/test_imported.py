import datetime as dt
from dataclasses import replace

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import (
    BatchProfile,
    LoadCurve,
    LoadPoint,
    Quality,
    ServicePoint,
    TokenRates,
)
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import SpecError, SpecFileError
from planner.reference.catalog import Catalog
from planner.reference.imported import keep, read

EVIDENCE = Evidence(
    provenance=Provenance.IMPORTED,
    source="a file",
    as_of=dt.date(2026, 5, 1),
    error_frac=0.1,
)
BATCHES = BatchProfile(
    model="mine",
    variant=Variant(precision=Precision.INT8, runtime=Runtime.TFLITE),
    device="raspberry-pi-4",
    points=(ServicePoint(batch=1, p50_s=0.02, p99_s=0.03),),
    evidence=EVIDENCE,
    quality=Quality(metric="top1_accuracy", value_frac=0.9, source="mine"),
)
CURVE = LoadCurve(
    model="mine",
    variant=Variant(precision=Precision.BF16, runtime=Runtime.VLLM),
    device="nvidia-l4",
    prompt_tokens=256,
    output_tokens=128,
    points=(
        LoadPoint(
            concurrency=1.0,
            rate_rps=0.5,
            ttft_p50_s=0.1,
            ttft_p95_s=0.2,
            ttft_p99_s=0.3,
            tpot_p50_s=0.01,
            tpot_p95_s=0.02,
            tpot_p99_s=0.03,
            e2e_p50_s=1.4,
            e2e_p95_s=1.5,
            e2e_p99_s=1.6,
            output_tokens_per_s=64.0,
        ),
    ),
    evidence=EVIDENCE,
)
RATES = TokenRates(
    model="mine",
    variant=Variant(precision=Precision.Q4_K_M, runtime=Runtime.LLAMA_CPP),
    device="raspberry-pi-5",
    prompt_tokens_per_s=18.0,
    output_tokens_per_s=5.0,
    evidence=EVIDENCE,
)


@pytest.mark.parametrize(
    ("profiles", "on"), [((BATCHES,), "1 device"), ((BATCHES, CURVE), "2 devices")]
)
def test_a_model_of_imports_alone_is_described_by_its_devices(tmp_path, profiles, on):
    kept = read(keep(tmp_path, "mine", profiles))

    *_, mine = Catalog.shipped().with_profiles(kept).models()

    assert mine.description == f"imported, measured on {on}"


def test_all_kinds_of_profiles_come_back_as_they_were(tmp_path):
    path = keep(tmp_path, "mine", [BATCHES, CURVE, RATES])

    back = read(path)

    assert back.model == "mine"
    assert set(back.profiles) == {BATCHES, CURVE, RATES}


def test_a_newer_import_replaces_the_same_setting_and_keeps_the_others(tmp_path):
    keep(tmp_path, "mine", [BATCHES, RATES])
    newer = replace(BATCHES, points=(ServicePoint(batch=1, p50_s=0.01),))

    path = keep(tmp_path, "mine", [newer])

    assert set(read(path).profiles) == {newer, RATES}


@pytest.mark.parametrize("name", ["../mine", "a/b", "", ".hidden", "a b", "x" * 81])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(SpecError, match="model name"):
        keep(tmp_path, name, [BATCHES])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("imported-profiles", "profiles"),
        ('"version": 1', '"version": 2'),
        ('"p50_s": 0.02', '"p50_s": "fast"'),
        ('"shape": "batches"', '"shape": "cubes"'),
        ('"model": "mine"', '"model": "other"'),
        ("{", "["),
    ],
)
def test_a_damaged_document_names_itself_and_the_way_out(tmp_path, old, new):
    path = keep(tmp_path, "mine", [BATCHES])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(SpecFileError, match=r"mine\.json.*import again"):
        read(path)


def test_the_catalogue_knows_a_model_that_was_only_imported(tmp_path):
    catalog = Catalog.shipped().with_profiles(read(keep(tmp_path, "mine", [BATCHES])))

    assert catalog.profiles("mine") == (BATCHES,)
    described = next(m for m in catalog.models() if m.name == "mine")
    assert described.metric == "top1_accuracy"


def test_an_import_stands_in_place_of_the_published_profile_of_its_setting(tmp_path):
    shipped = Catalog.shipped()
    published = next(
        p
        for p in shipped.profiles("mobilenet-v2-1.0-224")
        if p.device == "raspberry-pi-4" and p.variant == BATCHES.variant
    )
    own = replace(BATCHES, model="mobilenet-v2-1.0-224")

    catalog = shipped.with_profiles(read(keep(tmp_path, own.model, [own])))

    found = catalog.profiles("mobilenet-v2-1.0-224")
    assert own in found
    assert published not in found
    assert len(found) == len(shipped.profiles("mobilenet-v2-1.0-224"))
