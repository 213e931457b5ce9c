"""What `planner serve` runs is what the plan decided, on the machine at hand."""

from pathlib import Path

import pytest

from planner.domain.variants import Precision, Runtime
from planner.errors import SpecError
from planner.manifests import here
from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanModel
from planner.specs.serving import ServingConfig
from tests.support.chat_plans import chat_plan
from tests.support.plans import digits_placement, storefront_plan

FOLDERS = {"digit-reader": Path("/models/digits")}


def with_digits(**changes):
    """The storefront's plan with its digits placed otherwise."""
    plan = storefront_plan()
    placement = digits_placement().model_copy(update=changes)
    return plan.model_copy(update={"placements": (plan.placements[0], placement)})


def test_variant_batch_wait_threads_and_replicas_are_the_plans():
    plan = with_digits(machines=3, replicas=6, threads=1)
    placed = here.chosen(plan, site="local", workload="reorder-digits")

    config = here.serve_here(placed, FOLDERS, host="127.0.0.1", port=8123)

    (application,) = config.applications
    (deployment,) = application.deployments
    runs = ServingConfig.model_validate(deployment.user_config)
    assert application.route_prefix == "/"
    assert deployment.num_replicas == 6
    assert runs.variant == plan.placements[1].variant
    assert (runs.max_batch, runs.max_wait_ms, runs.threads) == (8, 4.0, 1)
    assert runs.model.directory == "/models/digits"
    assert deployment.max_ongoing_requests >= runs.max_batch
    # This machine is no node of the plan's device.
    assert deployment.ray_actor_options.resources is None
    assert (config.http_options.host, config.http_options.port) == ("127.0.0.1", 8123)


@pytest.mark.parametrize(("replicas", "proxy"), [(1, "Disabled"), (2, "HeadOnly")])
def test_one_replica_listens_itself_and_several_stand_behind_a_proxy(replicas, proxy):
    plan = with_digits(machines=replicas, replicas=replicas)
    placed = here.chosen(plan, site="local", workload="reorder-digits")

    config = here.serve_here(placed, FOLDERS, host="127.0.0.1", port=8123)

    assert config.proxy_location == proxy
    told = " ".join(here.cautions(placed, n_cpus=64))
    assert ("Ray's proxy" in told) == (replicas > 1)


def test_several_placements_have_a_route_each():
    plan = storefront_plan()
    elsewhere = digits_placement().model_copy(update={"site": "eu-west-1"})
    plan = plan.model_copy(update={"placements": (*plan.placements, elsewhere)})
    placed = here.chosen(plan, site="local", workload="reorder-digits")

    config = here.serve_here(placed, FOLDERS, host="127.0.0.1", port=8000)

    served = {a.name: a.route_prefix for a in config.applications}
    assert served == {
        "aws-eu-central-1-reorder-digits": "/aws-eu-central-1-reorder-digits",
        "aws-eu-west-1-reorder-digits": "/aws-eu-west-1-reorder-digits",
    }


def test_a_published_model_is_refused_with_the_reason_and_the_way_out():
    with pytest.raises(SpecError, match="published model") as refused:
        here.chosen(storefront_plan(), site="local", workload=None)

    assert "--workload reorder-digits" in str(refused.value)


def test_a_runtime_that_our_server_does_not_run_is_refused_by_name():
    variant = PlanVariant(
        precision=Precision.FP16, sparsity_frac=0.0, runtime=Runtime.TENSORRT
    )

    with pytest.raises(SpecError, match="the plan chose tensorrt"):
        here.chosen(
            with_digits(variant=variant), site="local", workload="reorder-digits"
        )


def of_language(source, runtime):
    """The storefront's plan with a digit reader that answers token by token."""
    variant = PlanVariant(precision=Precision.FP32, sparsity_frac=0.0, runtime=runtime)
    tokens = chat_plan().placements[0].predicted
    plan = with_digits(variant=variant, predicted=tokens, max_batch=1)
    fields = {"huggingface": {"file": "talker"}, "torch": {"factory": "model:build"}}
    model = PlanModel(name="digit-reader", source=source, **fields[source])
    return plan.model_copy(update={"models": (plan.models[0], model)})


def test_a_language_model_in_a_folder_is_streamed_on_torch():
    plan = of_language("huggingface", Runtime.TORCH)
    placed = here.chosen(plan, site="local", workload="reorder-digits")

    config = here.serve_here(placed, FOLDERS, host="127.0.0.1", port=8123)

    assert config.applications[0].import_path == "profilers.serving.language:build"


@pytest.mark.parametrize(
    ("source", "runtime"),
    [("huggingface", Runtime.ONNXRUNTIME), ("torch", Runtime.TORCH)],
)
def test_any_other_language_model_is_for_another_server(source, runtime):
    with pytest.raises(SpecError, match="answers token by token"):
        here.chosen(
            of_language(source, runtime), site="local", workload="reorder-digits"
        )


def test_a_site_without_placements_is_told_what_there_is():
    with pytest.raises(SpecError, match="reorder-digits at eu-central-1"):
        here.chosen(storefront_plan(), site="mars", workload=None)


def test_more_threads_than_processors_are_cautioned():
    placed = here.chosen(
        with_digits(machines=2, replicas=4, threads=2),
        site="eu-central-1",
        workload=None,
    )

    assert any("8 threads" in said for said in here.cautions(placed, n_cpus=2))
    told = here.cautions(placed, n_cpus=8)
    assert not any("threads" in said for said in told)


def test_where_no_queue_can_be_kept_models_of_one_machine_are_cautioned(monkeypatch):
    plan = with_digits(shared_with=("shelf-cameras",))
    other = plan.placements[1].model_copy(
        update={"workload": "shelf-cameras", "shared_with": ("reorder-digits",)}
    )
    plan = plan.model_copy(update={"placements": (plan.placements[1], other)})
    placed = here.chosen(plan, site="local", workload=None)
    said = "take turns only on Linux"

    monkeypatch.setattr("sys.platform", "linux")
    assert not any(said in c for c in here.cautions(placed, n_cpus=64))
    monkeypatch.setattr("sys.platform", "darwin")
    assert any(said in c for c in here.cautions(placed, n_cpus=64))
