"""The digits of the storefront's plan with the document that says what way leads to them."""

from tests.support.plans import digits_placement, storefront_plan

RTT_MS, JITTER_MS, BANDWIDTH_MBPS = 28.0, 2.0, 20.0
REQUEST_KIB, RESPONSE_KIB = 12.0, 1.0
DOCUMENT = {
    "kind": "deployment",
    "version": 1,
    "name": "storefront",
    "models": [
        {"name": "digit-reader", "source": {"kind": "torch", "factory": "model:build"}}
    ],
    "workloads": [
        {
            "name": "reorder-digits",
            "model": "digit-reader",
            "origin": "berlin-store",
            "traffic": {"kind": "constant", "rate_rps": 3.5},
            "payload": {"request_kib": REQUEST_KIB, "response_kib": RESPONSE_KIB},
            "slo": {"percentile": 99, "latency_ms": 60},
        }
    ],
    "sites": [
        {
            "kind": "edge",
            "name": "berlin-store",
            "zone": "eu",
            "uplink": {
                "rtt_ms": RTT_MS,
                "jitter_ms": JITTER_MS,
                "bandwidth_mbps": BANDWIDTH_MBPS,
                "to": "eu-central-1",
            },
        },
        {"kind": "cloud", "provider": "aws", "regions": ["eu-central-1"]},
    ],
}


def digits_plan(**changes):
    """The plan with its document, and the digits alone; `changes` are the placement's."""
    plan, placement = storefront_plan(), digits_placement().model_copy(update=changes)
    return plan.model_copy(
        update={
            "spec": DOCUMENT,
            "placements": (placement,),
            "workloads": tuple(
                w for w in plan.workloads if w.name == placement.workload
            ),
        }
    )
