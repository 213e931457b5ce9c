"""When a pod autoscaler adds replicas, derived from what the plan predicts.

On processors it watches their use. A pod has no processor limit, so at the planned
rate its use as a share of its request is

    utilization of a replica · its threads / processors requested

and replicas are added at SLACK times that. On accelerators, processor use says
nothing, so it watches requests in flight, by Little's law

    rate of a replica · time a request is in it

at the planned rate, again times SLACK; a metrics adapter must serve that metric.
"""

from typing import Final

from planner.manifests.documents.kubernetes import (
    Metric,
    MetricName,
    MetricTarget,
    PodsMetric,
    ResourceMetric,
)
from planner.manifests.engines import Engine, EngineKind
from planner.manifests.placed import MILLICORES_PER_VCPU, Placed
from planner.units import seconds

# A rule, not a measurement: a tenth more load than planned is noise, more is growth.
SLACK: Final = 1.1
# Below this, a pod's own upkeep looks like load.
_MIN_UTILIZATION_PERCENT: Final = 20
# An adapter (such as prometheus-adapter) may not keep a colon in a metric's name.
IN_FLIGHT_METRIC: Final = {
    EngineKind.SERVING_APP: "ray_planner_requests_in_flight",
    EngineKind.VLLM: "vllm_num_requests_running",
    EngineKind.LLAMA_CPP: "llamacpp_requests_processing",
    EngineKind.OWN_IMAGE: "requests_in_flight",
}


def metric(placed: Placed, engine: Engine) -> Metric:
    """What to watch, and the value to aim at."""
    if placed.accelerator is not None or placed.cpu_request_millicores is None:
        in_flight = max(1, round(SLACK * _requests_in_flight(placed)))
        target = MetricTarget(type="AverageValue", average_value=str(in_flight))
        name = MetricName(name=IN_FLIGHT_METRIC[engine.kind])
        return Metric(type="Pods", pods=PodsMetric(metric=name, target=target))
    percent = max(_MIN_UTILIZATION_PERCENT, round(100 * SLACK * _use_frac(placed)))
    target = MetricTarget(type="Utilization", average_utilization=percent)
    return Metric(type="Resource", resource=ResourceMetric(target=target))


def _use_frac(placed: Placed) -> float:
    """Processor use at the planned rate, as a share of the request."""
    requested = (placed.cpu_request_millicores or 1) / MILLICORES_PER_VCPU
    busy = placed.placement.predicted.utilization_frac * placed.threads
    return busy / requested


def _requests_in_flight(placed: Placed) -> float:
    p = placed.placement
    parts = p.breakdown
    inside_ms = p.predicted.p50_ms or 0.0
    if parts is not None:
        inside_ms = parts.wait_ms + parts.service_ms + parts.server_ms
    return p.rate_rps / p.replicas * seconds(inside_ms)
