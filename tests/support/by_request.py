"""A document whose traffic may go to machines, a hosted model and a function."""

import datetime as dt

REGION = "us-east-1"
MACHINE = "c7g.2xlarge"
DEVICE = "graviton3-8vcpu"


def document():
    """One chat and one classifier, both of little traffic, in one region."""
    return {
        "kind": "deployment",
        "version": 1,
        "name": "night-shift",
        "models": [
            {
                "name": "chat",
                "source": {"kind": "reference", "name": "llama-3.1-8b"},
                "license": "Llama 3.1",
            },
            {
                "name": "classifier",
                "source": {"kind": "reference", "name": "mobilenet-v2-1.0-224"},
                "variants": {"precisions": ["int8"], "runtimes": ["tflite"]},
                "license": "Apache-2.0",
            },
        ],
        "workloads": [
            {
                "name": "assistant",
                "model": "chat",
                "origin": REGION,
                "traffic": {"kind": "constant", "rate_rps": 0.2},
                "payload": {"prompt_tokens": 200, "output_tokens": 100},
                "slo": {"percentile": 95, "ttft_ms": 2000, "tpot_ms": 100},
            },
            {
                "name": "cameras",
                "model": "classifier",
                "origin": REGION,
                "traffic": {"kind": "constant", "rate_rps": 1.0},
                "payload": {"request_kib": 30, "response_kib": 0},
                "slo": {"percentile": 95, "latency_ms": 300},
            },
        ],
        "sites": [
            {
                "kind": "cloud",
                "provider": "aws",
                "regions": [REGION],
                "instance_types": [MACHINE, "g6.xlarge"],
            },
            {
                "kind": "hosted_api",
                "name": "vendor-us",
                "provider": "vendor",
                "zone": "us",
                "rtt_ms": 20,
                "models": [
                    {
                        "model": "chat",
                        "serves": "llama-8b-instant",
                        "usd_per_million_prompt_tokens": 0.05,
                        "usd_per_million_output_tokens": 0.08,
                        "times": [
                            {"percentile": 50, "ttft_ms": 200, "tpot_ms": 5},
                            {"percentile": 95, "ttft_ms": 600, "tpot_ms": 12},
                        ],
                        "error_frac": 0.2,
                        "most_requests_per_min": 600,
                        "source": "the vendor's status page",
                        "as_of": dt.date(2026, 11, 1),
                    }
                ],
            },
            {
                "kind": "serverless",
                "provider": "aws",
                "region": REGION,
                "functions": [
                    {
                        "name": "classify-2gib",
                        "runs_like": DEVICE,
                        "memory_gib": 2,
                        "usd_per_gib_s": 1e-5,
                        "usd_per_million_requests": 0.2,
                        "billed_step_ms": 1000,
                        "cold_start_ms": 100,
                        "cold_start_frac": 0.01,
                        "most_concurrent": 100,
                        "source": "a price list",
                        "as_of": dt.date(2026, 11, 24),
                    }
                ],
            },
        ],
        "policy": {"confidence_frac": 0.5},
    }
