"""What a plan is told of the user's own models: measured here, imported, or neither."""

import datetime as dt
from pathlib import Path

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import (
    BatchProfile,
    LoadCurve,
    ServicePoint,
    content_sha256,
)
from planner.domain.profiling import ProfilingFailure, ProfilingOutcome, TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.pipeline.asking.knowledge import learn
from planner.reference.catalog import Catalog
from planner.reference.imported import ImportedModel
from tests.support.questions import document
from tests.support.timed_here import FP32_ONNX, asked, references, timed

CONTENT = "1f" * 32
FP32, FP16 = (
    Variant(precision=p, runtime=Runtime.TORCH)
    for p in (Precision.FP32, Precision.FP16)
)
PI_4, PI_5 = "raspberry-pi-4", "raspberry-pi-5"


def profile(variant=FP32, *, device=PI_4, provenance=Provenance.EMULATED, content=None):
    return BatchProfile(
        model="m",
        variant=variant,
        device=device,
        points=(ServicePoint(batch=1, p50_s=0.02, mean_s=0.02, p95_s=0.022),),
        evidence=Evidence(
            provenance=provenance,
            source="a stopwatch",
            as_of=dt.date(2026, 8, 1),
            error_frac=0.2,
        ),
        memory_bytes=1e8,
        model_sha256=content,
    )


def export(variant=FP32, *, content=CONTENT):
    return profile(variant, provenance=Provenance.EXPORTED, content=content)


# As a load test of an engine has it: such files never say what the model held.
CURVE = LoadCurve(
    model="m",
    variant=Variant(precision=Precision.FP16, runtime=Runtime.VLLM),
    device="nvidia-l4",
    prompt_tokens=512,
    output_tokens=256,
    points=(),
    evidence=export().evidence,
)


class Measurer:
    """Has measured these, and could not measure those, of a model of that content."""

    def __init__(self, measured, failed, content):
        self._outcome = ProfilingOutcome(
            profiles=tuple(measured),
            failures=tuple(
                ProfilingFailure(model="m", variant=v, device=d, reason="too slow")
                for v, d in failed
            ),
            warnings=(),
            n_measured=len(measured),
            n_cached=0,
            environment={},
            model_sha256={"m": content} if content else {},
        )

    def references(self):
        return ()

    def reachable_devices(self):
        return (PI_4, PI_5)

    def profile(self, jobs, *, on_progress, planned=None):  # nothing to show
        return self._outcome


class Comparer(Measurer):
    """Has timed published models, too, and notes what it is asked to measure."""

    def references(self):
        return references()

    def profile(self, jobs, *, on_progress, planned=None):
        self.jobs = jobs
        return self._outcome


def known(*, imported=(), measured=(), failed=(), content=CONTENT):
    spec = document(models__0__source={"kind": "torch", "factory": "model:build"})
    catalog = Catalog.shipped()
    if imported:
        exports = ImportedModel(model="m", profiles=tuple(imported))
        catalog = catalog.with_profiles(exports)
    model = TorchModel(name="m", directory=Path(), factory="model:build")
    profiler = Measurer(measured, failed, content)
    return learn(spec, catalog, {"m": model}, profiler, on_progress=lambda _: None)


@pytest.mark.parametrize(
    ("imported", "says"),
    [
        ([], ["m: nothing could be measured here; planner profile SPEC tells all"]),
        (
            [export()],
            [
                (
                    "m: nothing could be measured here; imported profiles of it are used "
                    "(1); planner profile SPEC tells all"
                )
            ],
        ),
        (
            [export(content="2e" * 32)],
            [
                "m: nothing could be measured here; planner profile SPEC tells all",
                (
                    "m: 1 imported profile is of a model of that name with other content, "
                    "and left out; measure there again"
                ),
            ],
        ),
        (
            [export(content="2e" * 32), export(FP16, content="2e" * 32)],
            [
                "m: nothing could be measured here; planner profile SPEC tells all",
                (
                    "m: 2 imported profiles are of a model of that name with other content, "
                    "and left out; measure there again"
                ),
            ],
        ),
        (
            [export(content=None), CURVE],
            [
                "m: nothing could be measured here; planner profile SPEC tells all",
                (
                    "m: 2 imported profiles are left out, for the file does not say of which "
                    "content the model was, and a name may be another's; planner profile "
                    "--export says it, and source: {kind: reference, name: m} takes them on "
                    "your word"
                ),
            ],
        ),
    ],
    ids=["none", "used", "another's", "two of another's", "nobody says whose"],
)
def test_where_nothing_was_measured_it_says_whether_imports_are_used(imported, says):
    found = known(imported=imported)

    assert list(found.warnings) == says
    used = [p for p in imported if content_sha256(p) == CONTENT]
    assert found.profiles["m"] == tuple(used)


def test_where_the_models_own_content_is_not_known_no_import_is_taken_to_be_of_it():
    found = known(imported=[export(content=None), export(FP16)], content=None)

    *_, named, unnamed = found.warnings
    assert found.profiles["m"] == ()
    assert named.endswith("for the content of the model's files here cannot be read")
    assert "does not say of which content" in unnamed


def test_where_nothing_was_measured_the_first_reason_is_told():
    (told,) = known(failed=[(FP16, PI_4), (FP16, PI_5)]).warnings

    assert told == (
        "m: nothing could be measured here (fp16 on torch: too slow); "
        "planner profile SPEC tells all"
    )


def test_an_import_in_place_of_what_was_emulated_here_is_no_warning():
    found = known(imported=[export()], measured=[profile()])

    assert found.profiles["m"] == (export(),)
    assert found.warnings == ()


def test_what_failed_here_and_was_imported_is_not_missed():
    found = known(
        imported=[export(FP16)],
        measured=[profile()],
        failed=[(FP16, PI_4)],
    )

    assert found.warnings == ()
    assert set(found.profiles["m"]) == {export(FP16), profile()}


def test_what_failed_where_nothing_was_imported_is_told():
    found = known(
        imported=[export(FP16)],
        measured=[profile()],
        failed=[(FP16, PI_4), (FP16, PI_5)],
    )

    (told,) = found.warnings
    assert told.startswith(f"m: fp16 on torch could not be had on {PI_5};")


def compared(*, predicts, foresees, runtimes=("torch", "onnxruntime")):
    """What is learned and asked for where published models were timed here."""
    spec = document(
        models__0__source={"kind": "torch", "factory": "model:build"},
        models__0__variants={
            "precisions": ["fp32", "bf16"],
            "runtimes": list(runtimes),
        },
        policy__predict_unmeasured=predicts,
    )
    model = TorchModel(name="m", directory=Path(), factory="model:build")
    here = timed("m", 0.004, asked("mobilenet-v1-0.5-192"))
    profiler = Comparer([here], [], CONTENT)
    found = learn(
        spec,
        Catalog.shipped(),
        {"m": model},
        profiler,
        on_progress=lambda _: None,
        foresees=foresees,
    )
    return found, profiler.jobs


@pytest.mark.parametrize(("predicts", "foresees"), [(True, False), (False, True)])
def test_what_is_to_be_predicted_is_timed_here_as_published_models_were(
    predicts, foresees
):
    _, (offered, here) = compared(predicts=predicts, foresees=foresees)

    assert "local" not in offered.devices
    assert here.devices == ("local",)
    assert (here.precisions, here.runtimes) == ((Precision.FP32,), (Runtime.ONNXRUNTIME,))  # fmt: skip


def test_what_nobody_asks_to_predict_is_timed_for_devices_on_offer_alone():
    found, jobs = compared(predicts=False, foresees=False)

    assert [j.devices for j in jobs] == [(PI_4,)]
    assert found.references == ()


def test_engines_that_no_published_model_was_timed_on_are_not_timed_for_it():
    _, jobs = compared(predicts=True, foresees=False, runtimes=["torch"])

    assert len(jobs) == 1


def test_a_plan_has_predictions_for_offers_and_no_profile_of_this_machine():
    found, _ = compared(predicts=True, foresees=False)

    profiles = found.profiles["m"]
    assert {p.device for p in profiles} == {PI_4}
    assert {p.evidence.provenance for p in profiles} == {Provenance.PREDICTED}
    assert FP32_ONNX not in {p.variant for p in profiles}
