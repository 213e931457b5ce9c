"""The serving image installs what loading each model of the plan takes, and no more."""

import re
from itertools import product

import pytest
import torch
from torch import nn

from planner.domain.servers import SERVED_HERE
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError, SpecError
from planner.manifests import render, write_manifests
from planner.manifests.image import extras, guide
from planner.manifests.layout import lay_out
from planner.manifests.placed import OWN
from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanModel
from profilers.models import LoadedModel
from profilers.variants import TRANSFORMATIONS, replica_imports, transformation
from tests.support.own_sources import MODELS, SERVED, on
from tests.support.plans import digits_placement, storefront_plan

LINEAR = LoadedModel(
    name="linear",
    example=torch.zeros(1, 4),
    evaluation=None,
    network=nn.Sequential(nn.Linear(4, 2)),
)


def plan_of(*served: tuple[PlanModel, Variant]):
    plan = storefront_plan()
    placements = [
        digits_placement().model_copy(
            update={"model": model.name, "variant": PlanVariant.of(variant)}
        )
        for model, variant in served
    ]
    return plan.model_copy(
        update={
            "placements": tuple(placements),
            "models": tuple({model.name: model for model, _ in served}.values()),
        }
    )


def dockerfile(*served: tuple[PlanModel, Variant], folder) -> str:
    write_manifests(plan_of(*served), folder, targets=["ray-serve"])
    return (folder / "serving-image/Dockerfile").read_text(encoding="utf-8")


def offered() -> list[Variant]:
    """All that profiling offers on the runtimes that we serve."""
    return [
        variant
        for precision, runtime in product(TRANSFORMATIONS, sorted(SERVED_HERE))
        if is_offered(variant := on(runtime, precision))
    ]


def is_offered(variant: Variant) -> bool:
    try:
        transformation(variant)
    except ProfilingError:
        return False
    return True


@pytest.mark.parametrize("variant", offered(), ids=str)
def test_an_extra_is_installed_for_whatever_a_replica_imports(variant):
    imports = {name.partition(".")[0] for name in replica_imports(LINEAR, variant)}
    by_extra = {"quantize": "torchao", "openvino": "openvino"}

    named = extras("torch", PlanVariant.of(variant))

    assert {e for e, package in by_extra.items() if package in imports} == named - {
        "serve"
    }


@pytest.mark.parametrize("name", SERVED)
def test_every_source_has_the_server_and_what_reads_it(name, tmp_path):
    source, variant = SERVED[name]

    text = dockerfile((MODELS[source], variant), folder=tmp_path)

    (installed,) = re.findall(r"deployment-planner\[([a-z,]+)\]", text)
    assert "serve" in installed.split(",")
    for extra in ("huggingface", "sklearn"):
        assert (extra in installed.split(",")) == (source == extra)
    assert ("g++" in text) == (variant.runtime is Runtime.TORCH_COMPILE)


def test_one_image_serves_all_that_the_plan_runs(tmp_path):
    text = dockerfile(
        (MODELS["huggingface"], on(Runtime.TORCH, Precision.INT4)),
        (MODELS["sklearn"], on(Runtime.OPENVINO)),
        folder=tmp_path,
    )

    assert "deployment-planner[huggingface,openvino,quantize,serve,sklearn]" in text


def test_what_can_run_code_is_told_on_whose_word_it_does():
    trusted = plan_of((MODELS["exported"], on(Runtime.TORCH)))
    plain = plan_of((MODELS["onnx"], on(Runtime.ONNXRUNTIME)))

    assert "`trust: true`" in guide(lay_out(trusted))
    assert "trust" not in guide(lay_out(plain))


def test_a_program_that_nobody_trusts_gets_no_manifest():
    distrusted = MODELS["exported"].model_copy(update={"trust": False})

    with pytest.raises(SpecError, match=r"a \.pt2 file can run code"):
        render(plan_of((distrusted, on(Runtime.TORCH))), "ray-serve")


def test_there_is_a_model_of_every_source_of_a_users_own():
    assert set(MODELS) == OWN
