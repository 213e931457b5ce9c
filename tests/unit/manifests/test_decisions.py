"""Each decision of a plan stands where its target acts on it."""

from typing import Any

import pytest
import yaml

from planner.domain.hardware import Purchase
from planner.domain.servers import KEEPS_FREED_MEMORY, SERVED_HERE
from planner.domain.variants import Precision, Runtime
from planner.errors import ManifestError
from planner.manifests import render, write_manifests
from planner.manifests.layout import lay_out
from planner.specs.placements import PlanPlacement, PlanVariant
from planner.specs.plan import PlanDocument
from profilers.backends import BACKENDS
from tests.support.chat_plans import chat_plan
from tests.support.plans import digits_placement, storefront_plan


def with_placements(plan: PlanDocument, *placements: PlanPlacement) -> PlanDocument:
    return plan.model_copy(update={"placements": placements})


def digits(**changes: object) -> PlanDocument:
    """The storefront with its digit reader alone, changed."""
    return with_placements(
        storefront_plan(), digits_placement().model_copy(update=changes)
    )


def at_edge(**changes: object) -> dict[str, Any]:
    """The one service of the digit reader on boxes of a site."""
    plan = digits(
        **{
            "site": "store",
            "site_kind": "edge",
            "provider": "edge",
            "instance_type": "raspberry-pi-5",
            "device": "raspberry-pi-5",
            "purchase": Purchase.OWNED,
        }
        | changes
    )
    files = render(plan, "compose")
    (service,) = yaml.safe_load(files["edge-store/compose.yaml"])["services"].values()
    return service


def in_kubernetes(plan: PlanDocument) -> dict[str, Any]:
    """The objects of the one placement of a plan, by kind."""
    (text,) = [
        t
        for p, t in render(plan, "kubernetes").items()
        if not p.endswith(("kustomization.yaml", "namespace.yaml"))
    ]
    return {d["kind"]: d for d in yaml.safe_load_all(text)}


def container(objects: dict[str, Any]) -> dict[str, Any]:
    return objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def test_our_server_serves_nothing_that_profiling_cannot_load():
    assert set(BACKENDS) >= SERVED_HERE


@pytest.mark.parametrize("runtime", sorted(set(BACKENDS) - SERVED_HERE))
def test_another_engine_than_our_servers_is_the_users_to_serve(runtime, tmp_path):
    """No Dockerfile of ours is written, and the guide says what the image has to serve."""
    variant = PlanVariant(precision=Precision.FP32, sparsity_frac=0.0, runtime=runtime)

    write_manifests(digits(), tmp_path / "ours", targets=["kubernetes"])
    write_manifests(
        digits(variant=variant), tmp_path / "theirs", targets=["kubernetes"]
    )

    dockerfile = "serving-image/Dockerfile"
    assert (tmp_path / "ours" / dockerfile).exists()
    assert not (tmp_path / "theirs" / dockerfile).exists()
    guide = " ".join((tmp_path / "theirs/README.md").read_text().split())
    assert f"in fp32 with {runtime} on port 8000" in guide


def test_a_box_runs_its_share_of_the_replicas_on_ports_of_their_own():
    service = at_edge(machines=3, replicas=6)

    assert service["deploy"]["replicas"] == 2
    assert service["ports"][0]["published"] == "8000-8001"
    assert service["labels"]["deployment-planner/machines"] == "3"


def test_a_box_with_an_nvidia_board_reserves_it():
    service = at_edge(device="jetson-orin-nano-8gb", device_count=1)

    (card,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert card == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert service["runtime"] == "nvidia"


def test_a_box_without_one_reserves_nothing():
    service = at_edge()

    assert "reservations" not in service["deploy"]["resources"]
    assert "runtime" not in service


def test_the_memory_limit_leaves_the_system_its_part():
    limits = at_edge(machine_memory_gib=8.0)["deploy"]["resources"]["limits"]

    # Four fifths of 8 GiB.
    assert limits["memory"] == "6553m"


def test_the_memory_limit_grows_for_a_model_that_needs_more():
    limits = at_edge(machine_memory_gib=4.0, memory_gib=2.5)["deploy"]["resources"][
        "limits"
    ]

    # 1.2 · 2,560 MiB and the server's 970 MiB, of 4,096 MiB.
    assert limits["memory"] == "4042m"


def test_a_replica_that_cannot_fit_its_machine_is_an_error(tmp_path):
    from planner.manifests import write_manifests

    with pytest.raises(ManifestError, match="more memory"):
        write_manifests(digits(machine_memory_gib=1.0, memory_gib=2.0), tmp_path)


def test_dollar_signs_of_the_users_are_no_variables_of_compose():
    plan = storefront_plan()
    odd = "a$HOME${X}"
    workloads = [w.model_copy(update={"name": odd}) for w in plan.workloads[:1]]
    shelf = plan.placements[0].model_copy(update={"workload": odd})
    plan = plan.model_copy(
        update={"workloads": tuple(workloads), "placements": (shelf,)}
    )

    text = render(plan, "compose")["edge-berlin-store/compose.yaml"]

    (service,) = yaml.safe_load(text)["services"].values()
    assert service["labels"]["deployment-planner/workload"] == "a$$HOME$${X}"


def test_an_autoscaler_decides_the_replicas_and_the_deployment_does_not():
    objects = in_kubernetes(digits(machines=8, replicas=8))

    assert "replicas" not in objects["Deployment"]["spec"]
    spec = objects["HorizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (8, 10)


def test_an_autoscaler_stays_within_the_budget():
    plan = digits(machines=8, replicas=8)
    tight = plan.policy.model_copy(
        update={"budget_usd_per_month": plan.cost.total_usd_per_month}
    )

    spec = in_kubernetes(plan.model_copy(update={"policy": tight}))[
        "HorizontalPodAutoscaler"
    ]["spec"]

    assert spec["maxReplicas"] == 8


@pytest.mark.parametrize(
    ("machines", "spare_machines", "kept"), [(1, 0, 0), (4, 0, 3), (4, 2, 2)]
)
def test_spares_are_what_a_disruption_may_take(
    machines: int, spare_machines: int, kept: int
):
    plan = digits(machines=machines, replicas=machines, spare_machines=spare_machines)

    budget = in_kubernetes(plan)["PodDisruptionBudget"]

    assert budget["spec"]["minAvailable"] == kept


@pytest.mark.parametrize(
    ("provider", "purchase", "label"),
    [
        ("aws", Purchase.SPOT, ("karpenter.sh/capacity-type", "spot")),
        ("aws", Purchase.ON_DEMAND, ("karpenter.sh/capacity-type", "on-demand")),
        ("gcp", Purchase.SPOT, ("cloud.google.com/gke-spot", "true")),
        ("azure", Purchase.SPOT, ("kubernetes.azure.com/scalesetpriority", "spot")),
        ("lambda", Purchase.ON_DEMAND, ("deployment-planner/machine", "c7g-large")),
    ],
)
def test_a_pod_asks_for_the_purchase_that_was_planned(
    provider: str, purchase: Purchase, label: tuple[str, str]
):
    objects = in_kubernetes(digits(provider=provider, purchase=purchase))

    selector = objects["Deployment"]["spec"]["template"]["spec"]["nodeSelector"]
    key, value = label
    assert selector[key].startswith(value)


def test_a_pod_asks_for_the_cards_of_one_replica():
    plan = chat_plan()
    one = plan.placements[0].model_copy(
        update={"device_count": 4, "machines": 2, "replicas": 4}
    )

    resources = container(in_kubernetes(with_placements(plan, one)))["resources"]

    assert resources["requests"]["nvidia.com/gpu"] == "2"
    assert resources["limits"]["nvidia.com/gpu"] == "2"


def test_vllm_gets_the_flags_that_the_plan_decides_and_no_other():
    plan = chat_plan()
    (text,) = [
        t
        for p, t in render(plan, "kubernetes").items()
        if p == "kubernetes-aws-us-east-1/assistant.yaml"
    ]
    (deployment,) = [d for d in yaml.safe_load_all(text) if d["kind"] == "Deployment"]

    server = deployment["spec"]["template"]["spec"]["containers"][0]
    # Twice 512 + 256 tokens.
    assert server["args"] == [
        "--model=$(WEIGHTS)",
        "--served-model-name=assistant",
        "--quantization=fp8",
        "--max-model-len=1536",
    ]


def test_llama_cpp_loads_the_quantization_that_was_planned():
    plan = chat_plan()
    variant = PlanVariant(
        precision=Precision.Q4_K_M, sparsity_frac=0.0, runtime=Runtime.LLAMA_CPP
    )
    one = plan.placements[0].model_copy(
        update={"variant": variant, "device": "graviton3-8vcpu"}
    )

    arguments = container(in_kubernetes(with_placements(plan, one)))["args"]

    assert "--hf-repo=$(WEIGHTS):Q4_K_M" in arguments
    assert "--threads=8" in arguments


def test_a_model_we_cannot_serve_asks_for_the_users_image():
    text = render(storefront_plan(), "compose")["edge-berlin-store/compose.yaml"]

    (service,) = yaml.safe_load(text)["services"].values()
    assert service["image"].startswith("${SHELF_CAMERAS_IMAGE:?an image that serves")
    assert "mobilenet-v2-1.0-224 in int8 with tflite" in service["image"]


def test_replicas_of_a_cluster_keep_freed_memory_as_what_was_profiled_did():
    files = render(digits(), "ray-serve")

    (application,) = yaml.safe_load(files["ray-serve/aws-eu-central-1.yaml"])[
        "applications"
    ]
    (deployment,) = application["deployments"]
    started_with = deployment["ray_actor_options"]["runtime_env"]["env_vars"]
    assert started_with == KEEPS_FREED_MEMORY


def test_ray_takes_two_batches_in_flight_so_that_batches_fill():
    files = render(digits(max_batch=32), "ray-serve")

    (application,) = yaml.safe_load(files["ray-serve/aws-eu-central-1.yaml"])[
        "applications"
    ]
    (deployment,) = application["deployments"]
    assert deployment["max_ongoing_requests"] == 64
    assert deployment["user_config"]["max_batch"] == 32


def test_a_plan_that_was_edited_into_nonsense_is_refused():
    with pytest.raises(ManifestError, match="shared out evenly"):
        lay_out(digits(machines=2, replicas=3))
    with pytest.raises(ManifestError, match="workload 'ghost' is not in"):
        lay_out(digits(workload="ghost"))


def test_a_split_workload_is_said_to_need_a_router(chat, tmp_path):
    from planner.manifests import write_manifests

    write_manifests(chat, tmp_path)

    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "Nothing in these files splits a workload" in text
    assert "66.7% to us-east-1" in text


def pooled() -> PlanDocument:
    """Two workloads on the same two boxes of a site."""
    plan = storefront_plan()
    first = plan.placements[0].model_copy(
        update={"shared_with": ("reorder-digits",), "machine_memory_gib": 4.0}
    )
    second = first.model_copy(
        update={
            "workload": "reorder-digits",
            "shared_with": ("shelf-cameras",),
            "rate_rps": 3.5,
        }
    )
    return with_placements(plan, first, second)


def test_placements_of_a_pool_share_a_box_and_not_a_port():
    text = render(pooled(), "compose")["edge-berlin-store/compose.yaml"]

    services = yaml.safe_load(text)["services"]
    assert [s["ports"][0]["published"] for s in services.values()] == ["8000", "8001"]
    # Half of four fifths of 4 GiB, and all four processors: they work by turns.
    limits = [s["deploy"]["resources"]["limits"] for s in services.values()]
    assert {(x["memory"], x["cpus"]) for x in limits} == {("1638m", "4")}
    # Both run on every box, so neither waits to be asked for by name.
    assert not any("profiles" in s for s in services.values())


def ours_pooled(**changes: object) -> PlanDocument:
    """Two workloads of the user's own model on the same machines."""
    plan = storefront_plan()
    one = digits_placement().model_copy(
        update={"shared_with": ("shelf-cameras",), "max_batch": 1, "max_wait_ms": 0.0}
        | changes
    )
    other = one.model_copy(
        update={"workload": "shelf-cameras", "shared_with": ("reorder-digits",)}
    )
    return with_placements(plan, one, other)


def shared_machines(files: dict[str, str], beginning: str) -> list[Any]:
    """What each application is told of the machine it shares."""
    return [
        application["deployments"][0]["user_config"]["shared"]
        for path, text in files.items()
        if path.startswith(beginning)
        for application in yaml.safe_load(text)["applications"]
    ]


def test_servers_of_ours_on_one_box_take_turns_through_a_folder_they_all_see():
    plan = ours_pooled(
        site="store",
        site_kind="edge",
        provider="edge",
        instance_type="raspberry-pi-5",
        device="raspberry-pi-5",
        purchase=Purchase.OWNED,
    )

    files = dict(render(plan, "compose"))

    document = yaml.safe_load(files["edge-store/compose.yaml"])
    queues = shared_machines(files, "edge-store/serve-")
    assert {q["pool"] for q in queues} == {"edge-store-reorder-digits"}
    assert {q["member"] for q in queues} == set(document["services"])
    for service in document["services"].values():
        (mount,) = service["volumes"]
        assert mount["target"] == queues[0]["directory"] == queues[1]["directory"]
        assert mount["source"] in document["volumes"]


def test_replicas_on_a_ray_cluster_take_turns_on_the_machine_they_run_on():
    queues = shared_machines(dict(render(ours_pooled(), "ray-serve")), "ray-serve/")

    assert len({q["pool"] for q in queues}) == 1
    assert sorted(q["member"] for q in queues) == ["reorder-digits", "shelf-cameras"]


def test_who_has_machines_of_its_own_takes_no_turns():
    assert shared_machines(dict(render(digits(), "ray-serve")), "ray-serve/") == [None]


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (ours_pooled(), "pods on Kubernetes do not share one"),
        (pooled(), "a program other than ours serves it"),
    ],
)
def test_a_queue_that_no_file_here_keeps_is_said_first(plan, says):
    warnings = "\n".join(lay_out(plan).warnings())

    assert "one queue for all of them, in order of arrival" in warnings
    assert says in warnings


def test_fewer_machines_in_quiet_hours_are_the_autoscalers_lower_bound():
    plan = digits(machines=4, replicas=8, machines_on=(1, 4))

    objects = in_kubernetes(plan)

    spec = objects["HorizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    assert objects["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
