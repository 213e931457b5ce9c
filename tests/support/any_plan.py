"""Plans of every shape for hypothesis: any names, any places, any machines, any variant."""

from hypothesis import strategies as st

from planner.domain.hardware import Purchase
from planner.domain.placement import Verdict
from planner.domain.variants import Precision, Runtime
from planner.specs.placements import (
    FunctionTerms,
    HostedTerms,
    PlanPlacement,
    PlanVariant,
)
from planner.specs.plan import PlanDocument, PlanModel, PlanWorkload
from tests.support.chat_plans import chat_plan
from tests.support.plans import digits_placement, storefront_plan

# What `planner.specs.base.Name` lets through, and the characters that bite.
NAMES = st.one_of(
    st.from_regex(r"\A[^\s/:\x00-\x1f\x7f]{1,80}\Z"),
    st.text(alphabet="$-_.{}'\"#&*!|>%@`[]=,?\\aA0Ωß商店é", min_size=1, max_size=20),
    st.sampled_from(["null", "yes", "1e5", "~", "0x1F", "012", "a--2", "a-2", "-"]),
)
CLOUD_PLACES = [
    ("aws", "eu-central-1", "c7g.xlarge", "graviton3-4vcpu"),
    ("aws", "us-east-1", "g6.12xlarge", "nvidia-l4"),
    ("gcp", "us-central1", "g2-standard-8", "nvidia-l4"),
    ("azure", "westeurope", "Standard_NC4as_T4_v3", "nvidia-t4"),
    ("lambda", "us-west-2", "gpu_1x_a10", "nvidia-a10"),
]
EDGE_DEVICES = [
    "raspberry-pi-4",
    "jetson-orin-nano-8gb",
    "nvidia-t4",
    "coral-dev-board",
]
SIZES = st.one_of(st.none(), st.floats(0.5, 2048.0))


@st.composite
def any_plan(draw: st.DrawFn) -> PlanDocument:
    """A plan with one to five placements."""
    models = [
        _model(draw, name)
        for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    ]
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    workloads = [_workload(draw, name, draw(st.sampled_from(models))) for name in names]
    sites = draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
    placements = [
        _placement(draw, draw(st.sampled_from(workloads)), sites)
        for _ in range(draw(st.integers(1, 5)))
    ]
    plan = storefront_plan()
    budget = draw(st.one_of(st.none(), st.floats(0.0, 1e6)))
    return PlanDocument.model_validate(
        plan.model_copy(
            update={
                "name": draw(NAMES),
                "status": Verdict.FEASIBLE,
                "models": tuple(models),
                "workloads": tuple(workloads),
                "placements": tuple(placements),
                "policy": plan.policy.model_copy(
                    update={"budget_usd_per_month": budget}
                ),
            }
        ).model_dump(by_alias=True)
    )


def _model(draw: st.DrawFn, name: str) -> PlanModel:
    if draw(st.booleans()):
        return PlanModel(name=name, source="reference", reference=draw(NAMES))
    inputs = draw(st.sampled_from([None, "model:inputs"]))
    return PlanModel(
        name=name,
        source="torch",
        factory="model:build",
        weights=draw(st.sampled_from([None, "weights.safetensors"])),
        inputs=inputs,
        evaluation="model:evaluation_set",
    )


def _workload(draw: st.DrawFn, name: str, model: PlanModel) -> PlanWorkload:
    plan = draw(st.sampled_from([storefront_plan(), chat_plan()]))
    return plan.workloads[0].model_copy(update={"name": name, "model": model.name})


CALLED = [
    ("aws", "us-east-1", "classify-2gib", FunctionTerms(
        runs_like="graviton3-4vcpu", memory_gib=2.0, billed_ms=90.0, usd_per_gib_s=1e-5,
        usd_per_million_requests=0.2, usd_per_request=1e-6, cold_start_ms=900.0,
        cold_start_frac=0.1, most_concurrent=100,
    )),
    ("gcp", "us-central1", "classify", FunctionTerms(
        runs_like="graviton3-4vcpu", memory_gib=0.5, billed_ms=90.0, usd_per_gib_s=1e-5,
        usd_per_million_requests=0.2, usd_per_request=1e-6, cold_start_ms=0.0,
        cold_start_frac=1.0, most_concurrent=None,
    )),
    ("vendor", "api", "llama", HostedTerms(
        serves="llama", usd_per_million_prompt_tokens=0.1,
        usd_per_million_output_tokens=0.2, usd_per_request=1e-5,
        most_requests_per_min=60.5, most_tokens_per_min=None,
    )),
]  # fmt: skip


def _called(draw: st.DrawFn, workload: PlanWorkload) -> PlanPlacement:
    provider, site, name, terms = draw(st.sampled_from(CALLED))
    plan = storefront_plan()
    rate = draw(st.floats(0.0, 1e3))
    return digits_placement().model_copy(
        update={
            "workload": workload.name,
            "model": workload.model,
            "site": site,
            "site_kind": "cloud",
            "provider": provider,
            "instance_type": name,
            "purchase": Purchase.BY_REQUEST,
            "machines": 0,
            "replicas": 0,
            "spare_machines": 0,
            "capacity_rps": None,
            "by_request": terms,
            "rate_rps": rate,
            "rates_rps": (rate,) * len(plan.blocks),
            "share_frac": draw(st.floats(0.0, 1.0)),
            "machines_on": (0,) * len(plan.blocks),
        }
    )


def _placement(
    draw: st.DrawFn, workload: PlanWorkload, sites: list[str]
) -> PlanPlacement:
    if draw(st.integers(0, 3)) == 0:
        return _called(draw, workload)
    machines = draw(st.integers(1, 9))
    on_each = draw(st.sampled_from([1, 2, 3, 8]))
    where: dict[str, object]
    if draw(st.booleans()):
        device = draw(st.sampled_from(EDGE_DEVICES))
        where = {
            "site": draw(st.sampled_from(sites)),
            "site_kind": "edge",
            "provider": "edge",
            "instance_type": device,
            "device": device,
            "purchase": Purchase.OWNED,
        }
    else:
        provider, region, machine, device = draw(st.sampled_from(CLOUD_PLACES))
        where = {
            "site": region,
            "site_kind": "cloud",
            "provider": provider,
            "instance_type": machine,
            "device": device,
            "purchase": draw(st.sampled_from([Purchase.ON_DEMAND, Purchase.SPOT])),
        }
    variant = PlanVariant(
        precision=draw(st.sampled_from(list(Precision))),
        sparsity_frac=draw(st.sampled_from([0.0, 0.5])),
        runtime=draw(st.sampled_from(list(Runtime))),
    )
    share = draw(st.floats(0.01, 1.0))
    return digits_placement().model_copy(
        update=where
        | {
            "workload": workload.name,
            "model": workload.model,
            "variant": variant,
            "machines": machines,
            "replicas": machines * on_each,
            "spare_machines": draw(st.integers(0, machines - 1)),
            "device_count": on_each * draw(st.integers(1, 2)),
            "max_batch": draw(st.integers(1, 64)),
            "max_wait_ms": draw(st.floats(0.0, 1e4)),
            "rate_rps": draw(st.floats(1e-7, 1e6)),
            "share_frac": share,
            "memory_gib": draw(st.one_of(st.none(), st.floats(0.01, 0.4))),
            "machine_memory_gib": draw(SIZES.filter(lambda s: s is None or s >= 4.0)),
            "vcpus": draw(st.one_of(st.none(), st.integers(1, 192))),
            "threads": draw(st.one_of(st.none(), st.integers(1, 8))),
            "machines_on": draw(st.sampled_from([(), (machines,), (machines, 1)])),
        }
    )
