"""A digit reader for boxes in a shop: the document, and the device that this machine may be."""

import platform
from typing import Any

_IS_X86 = platform.machine() == "x86_64"
# Of the processor family that the tests run on: no other could be declared here.
DEVICE = "radxa-x4-n100" if _IS_X86 else "raspberry-pi-4"
OTHER_FAMILY = "raspberry-pi-4" if _IS_X86 else "radxa-x4-n100"


def spec(*, runtime: str, rate_rps: float, latency_ms: float) -> dict[str, Any]:
    """A deployment document whose model is `build` and `inputs` of model.py beside it."""
    return {
        "kind": "deployment",
        "version": 1,
        "name": "kiosk",
        "models": [
            {
                "name": "digits",
                "source": {"kind": "torch", "factory": "model:build"},
                "inputs": {"factory": "model:inputs"},
                "variants": {"precisions": ["fp32"], "runtimes": [runtime]},
            }
        ],
        "workloads": [
            {
                "name": "cameras",
                "model": "digits",
                "origin": "shop",
                "traffic": {"kind": "constant", "rate_rps": rate_rps},
                "slo": {"percentile": 95, "latency_ms": latency_ms},
            }
        ],
        "sites": [
            {
                "kind": "edge",
                "name": "shop",
                "zone": "eu",
                "devices": [{"device": DEVICE, "stock": 4, "capex_usd": 35}],
            }
        ],
    }
