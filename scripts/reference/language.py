"""Language models: vLLM under load on GPUs, llama.cpp on processors and small boxes.

Curves: points ascend by measured concurrency; a point is left out where Little's
law (concurrency = rate x mean latency) fails by more than 20 %, where percentiles
contradict each other, and where its rate does not exceed the point before it (the
engine is saturated: more waiting, no more work). Of several instances with the
same accelerators the one that holds no idle accelerators counts, then the newest.
TPOT is a further token's, (answer - TTFT) / (output - 1), which GuideLLM calls
inter-token latency: its time per output token holds the first one, too, and is up to
2.3 times as long where the engine is saturated.

Token rates: the median over the instance types of a device.
"""

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from planner.reference.devices import cpu_name
from planner.reference.offers import families_of
from scripts.reference.profiles import (
    NO_QUALITY,
    Published,
    error_frac,
)
from scripts.reference.tables import BY_HAND, Cell, Fact, Facts, figure

LITTLE_TOLERANCE_FRAC: Final = 0.2
LEAST_REPEATS: Final = 3
BYTES_PER_GIB: Final = 1024**3

GPUS: Final = {
    "NVIDIA L4": "nvidia-l4",
    "NVIDIA A10G": "nvidia-a10g",
    "NVIDIA A100 80GB PCIe": "nvidia-a100-80gb-pcie",
    "NVIDIA A100-SXM4-40GB": "nvidia-a100-40gb-sxm",
    "NVIDIA A100-SXM4-80GB": "nvidia-a100-80gb-sxm",
    "NVIDIA H100 80GB HBM3": "nvidia-h100-80gb-sxm",
    "NVIDIA H200": "nvidia-h200-141gb-sxm",
    "NVIDIA B200": "nvidia-b200",
}
# Names by model id; a 4-bit checkpoint runs at int4 whatever its dtype column says.
CURVE_MODELS: Final = {
    "meta-llama/Llama-3.1-8B-Instruct": ("llama-3.1-8b", None),
    "google/gemma-2-2b-it": ("gemma-2-2b", None),
    "Qwen/Qwen2.5-0.5B-Instruct": ("qwen2.5-0.5b", None),
    "HuggingFaceTB/SmolLM2-135M-Instruct": ("smollm2-135m", None),
    "microsoft/phi-4": ("phi-4", None),
    "unsloth/Llama-3.3-70B-Instruct-bnb-4bit": ("llama-3.3-70b", "int4"),
}
DTYPES: Final = {"bfloat16": "bf16", "float16": "fp16"}
TOKEN_MODELS: Final = {
    "SmolLM-135M.Q4_K_M": "smollm-135m",
    "qwen1_5-0_5b-chat-q4_k_m": "qwen1.5-0.5b",
    "gemma-2b.Q4_K_M": "gemma-2b",
    "llama-7b.Q4_K_M": "llama-7b",
    "phi-4-q4": "phi-4",
    "Llama-3.3-70B-Instruct-Q4_K_M": "llama-3.3-70b",
}
PERPLEXITY: Final = "perplexity_ratio"
# Sizes, perplexities and times per token as llama.cpp pull request 1684 states them.
K_QUANTS: Final = BY_HAND.rows("k_quants.csv")

BOXES: Final = {
    "Pi 5 - 8GB": "raspberry-pi-5-8gb",
    "Pi 5 - 16GB": "raspberry-pi-5-16gb",
    "GMKtec G3 Plus (Intel N150) - 16GB": "gmktec-g3-plus-n150",
    "GMKtek G3 Plus (Intel N150) - 16GB": "gmktec-g3-plus-n150",
    "M4 Mac mini (10 core - 32GB)": "mac-mini-m4-32gb",
    "M1 Max Mac Studio (10 core - 64GB)": "mac-studio-m1-max",
    "Mac Studio (M3 Ultra 512GB)": "mac-studio-m3-ultra",
    "Framework 13 (Ryzen AI 5 340 16GB)": "framework-13-ryzen-ai-5-340",
    "Framework 13 (Ryzen AI 5 340)": "framework-13-ryzen-ai-5-340",
    "Framework Mainboard (128GB)": "framework-desktop-ryzen-ai-max-395",
    "Framework Desktop Mainboard (395+)": "framework-desktop-ryzen-ai-max-395",
}
BOX_MODELS: Final = {
    "Llama 3.2:3b (ollama default 4-bit)": "llama-3.2-3b",
    "DeepSeek R1 14b (ollama default 4-bit)": "deepseek-r1-14b",
    "Llama 3.1:70b (ollama default 4-bit)": "llama-3.1-70b",
}
# Single accelerators of the llama.cpp tables, as they are spelled there.
LLAMA_3_DEVICES: Final = {
    "3090 24GB": "nvidia-geforce-rtx-3090",
    "4090 24GB": "nvidia-geforce-rtx-4090",
    "RTX A6000 48GB": "nvidia-rtx-a6000",
    "RTX 6000 Ada 48GB": "nvidia-rtx-6000-ada",
    "A40 48GB": "nvidia-a40",
    "L40S 48GB": "nvidia-l40s",
    "A100 PCIe 80GB": "nvidia-a100-80gb-pcie",
    "A100 SXM 80GB": "nvidia-a100-80gb-sxm",
    "H100 PCIe 80GB": "nvidia-h100-80gb-pcie",
    "M1 Max 32‑Core GPU 64GB": "mac-studio-m1-max",
}


def add_curves(facts: Facts, published: Published) -> None:
    """`curves/`: one curve a model, request shape, precision and set of accelerators."""
    runs: dict[tuple[str, ...], list[Fact]] = defaultdict(list)
    for row in facts.rows("sparecores_vllm_sweep_gpu.csv"):
        if row["gpu_model"] in GPUS:
            runs[_curve_key(row)].append(row)
    error = _curve_error(runs)
    for key, rows in sorted(runs.items()):
        model, device, count, precision, prompt, output = key
        points = _points(_preferred(rows, int(count)))
        if not points:
            continue
        instance = f"{points[0]['vendor']} {points[0]['instance']}"
        for point in points:
            published.curves[model].append(
                {
                    "device": device,
                    "device_count": int(count),
                    "runtime": "vllm",
                    "precision": precision,
                    "prompt_tokens": int(prompt),
                    "output_tokens": int(output),
                    **_point_cells(point),
                    "error_frac": error,
                    "note": "vllm",
                    "source": "sc-vllm",
                    "detail": f"{instance}, vLLM {point['vllm_version']}, "
                    f"{point['model_id']}",
                    "measured_on": point["measured_on"],
                }
                | _unquantized(precision)
            )


def _curve_key(row: Fact) -> tuple[str, ...]:
    name, precision = CURVE_MODELS[row["model_id"]]
    count = int(row["tensor_parallel"]) * int(row["data_parallel"] or 1)
    return (
        name,
        GPUS[row["gpu_model"]],
        str(count),
        precision or DTYPES[row["dtype"]],
        row["prompt_tokens"],
        row["output_tokens"],
    )


def _preferred(rows: list[Fact], count: int) -> list[Fact]:
    """The runs on the instance with the fewest idle accelerators, then the newest."""
    by_instance: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for row in rows:
        by_instance[row["vendor"], row["instance"]].append(row)

    def rank(instance: tuple[str, str]) -> tuple[int, int, tuple[str, str]]:
        first = by_instance[instance][0]
        idle = int(first["gpu_count"]) - count
        return idle, -int(first["measured_on"].replace("-", "")), instance

    return by_instance[min(by_instance, key=rank)]


def _points(rows: list[Fact]) -> list[Fact]:
    kept: list[Fact] = []
    for row in sorted(rows, key=lambda r: float(r["concurrency"])):
        rate = float(row["request_throughput_rps"])
        last = float(kept[-1]["request_throughput_rps"]) if kept else 0.0
        if rate > last and _obeys_little(row) and _ascends(row):
            kept.append(row)
    return kept


def _obeys_little(row: Fact) -> bool:
    rate, mean_s = (
        float(row["request_throughput_rps"]),
        float(row["e2el_mean_ms"]) / 1e3,
    )
    return abs(rate * mean_s / float(row["concurrency"]) - 1) <= LITTLE_TOLERANCE_FRAC


def _ascends(row: Fact) -> bool:
    return all(
        float(row[f"{what}_p50_ms"])
        <= float(row[f"{what}_p95_ms"])
        <= float(row[f"{what}_p99_ms"])
        for what in ("ttft", "itl", "e2el")
    )


def _point_cells(row: Fact) -> dict[str, Cell]:
    times: dict[str, Cell] = {
        f"{ours}_{p}_ms": float(row[f"{theirs}_{p}_ms"])
        for ours, theirs in (("ttft", "ttft"), ("tpot", "itl"), ("e2e", "e2el"))
        for p in ("p50", "p95", "p99")
    }
    return {
        "concurrency": float(row["concurrency"]),
        "rate_rps": float(row["request_throughput_rps"]),
        "output_tokens_per_s": float(row["output_throughput_tps"]),
        **times,
    }


def _unquantized(precision: str) -> dict[str, Cell]:
    if precision not in DTYPES.values():
        return dict(NO_QUALITY)
    return {
        "quality_metric": PERPLEXITY,
        "quality_frac": 1.0,
        "quality_source": "unquantized",
    }


def _curve_error(runs: dict[tuple[str, ...], list[Fact]]) -> float:
    """Spread of the time per token of single requests between like instances."""
    ratios = []
    for key, rows in sorted(runs.items()):
        chosen = _preferred(rows, int(key[2]))
        base = _single_tpot_ms(chosen)
        instances = sorted({(r["vendor"], r["instance"]) for r in rows})
        for instance in instances:
            other = [r for r in rows if (r["vendor"], r["instance"]) == instance]
            value = _single_tpot_ms(other)
            if other[0]["instance"] != chosen[0]["instance"] and base and value:
                ratios.append(math.log(value / base))
    return error_frac(ratios)


def _single_tpot_ms(rows: list[Fact]) -> float | None:
    single = [r for r in rows if r["strategy"] == "synchronous"]
    return float(single[0]["itl_p50_ms"]) if single else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rate:
    prompt: float
    output: float
    instance: str
    measured_on: str


def add_instance_tokens(
    facts: Facts,
    families: dict[tuple[str, str], str],
    vcpus: dict[tuple[str, str], int],
    published: Published,
) -> float:
    """`tokens/` of cloud processors that are sold; returns the typical error."""
    rates: dict[tuple[str, str], list[_Rate]] = defaultdict(list)
    for row in facts.rows("sparecores_llamabench_wide.csv"):
        size = vcpus.get((row["vendor"], row["instance"]))
        family = families.get(
            (row["vendor"], families_of(row["vendor"], row["instance"])[-1])
        )
        if row["backend"] != "CPU" or size is None or family is None:
            continue
        for column, model in TOKEN_MODELS.items():
            prompt, output = (
                figure(row[f"{column}|pp512"]),
                figure(row[f"{column}|tg128"]),
            )
            if prompt and output:
                rates[model, cpu_name(family, size)].append(
                    _Rate(
                        prompt=prompt,
                        output=output,
                        instance=row["instance"],
                        measured_on=row["measured_on"],
                    )
                )
    errors = {k: _rate_error(v) for k, v in rates.items() if len(v) >= LEAST_REPEATS}
    typical = round(statistics.median(errors.values()), 3)
    for (model, device), seen in sorted(rates.items()):
        known = errors.get((model, device))
        measured: dict[str, Cell] = {
            "device": device,
            "device_count": 1,
            "runtime": "llama.cpp",
            "precision": "q4_k_m",
            "prompt_tokens_per_s": statistics.median(r.prompt for r in seen),
            "output_tokens_per_s": statistics.median(r.output for r in seen),
            "error_frac": typical if known is None else known,
            "note": "instances-others" if known is None else "instances",
            "source": "sc-llama",
            "detail": _instances(seen),
            "measured_on": min(r.measured_on for r in seen),
        }
        quality = _k_quant_quality("q4_k_m") if model == "llama-7b" else NO_QUALITY
        published.tokens[model, True].append(measured | quality)
    return typical


def _rate_error(seen: list[_Rate]) -> float:
    middle = statistics.median(r.output for r in seen)
    return error_frac([math.log(middle / r.output) for r in seen])


def _instances(seen: list[_Rate]) -> str:
    names = sorted({r.instance for r in seen})
    return f"median of {len(seen)}: {', '.join(names[:3])}" + (
        ", ..." if len(names) > len(names[:3]) else ""
    )


def _k_quant_quality(precision: str) -> dict[str, Cell]:
    """Wikitext-2 perplexity of LLaMA 7B unquantized over that of the quantization."""
    known = {r["precision"]: float(r["perplexity"]) for r in K_QUANTS}
    return {
        "quality_metric": PERPLEXITY,
        "quality_frac": known["fp16"] / known[precision],
        "quality_source": "k-quants",
    }


def add_k_quants(published: Published, typical_error_frac: float) -> None:
    """LLaMA 7B by quantization on a desktop processor, four threads, kept by hand."""
    for row in K_QUANTS:
        rate = 1e3 / float(row["ms_per_token"])
        measured: dict[str, Cell] = {
            "device": "desktop-ryzen-9-7950x",
            "device_count": 1,
            "runtime": "llama.cpp",
            "precision": row["precision"],
            "prompt_tokens_per_s": rate,
            "output_tokens_per_s": rate,
            "memory_bytes": float(row["size_gib"]) * BYTES_PER_GIB,
            "error_frac": typical_error_frac,
            "note": "prompt-bound",
            "source": "k-quants",
            "detail": "Ryzen 7950X, 4 threads",
        }
        quality = _k_quant_quality(row["precision"])
        published.tokens["llama-7b", False].append(measured | quality)


def add_box_tokens(
    facts: Facts, published: Published, typical_error_frac: float
) -> None:
    """`tokens/` of small boxes; the prompt rate is bounded where it is not published."""
    for row in facts.rows("llm_device_tok_s.csv"):
        device = BOXES.get(row["device"])
        model = BOX_MODELS.get(row["model"])
        rate = figure(row["tok_s"])
        if device and model and rate and row["test"].startswith("tg"):
            published.tokens[model, False].append(
                {
                    "device": device,
                    "device_count": 1,
                    "runtime": "llama.cpp",
                    "precision": "q4_k_m",
                    "prompt_tokens_per_s": rate,
                    "output_tokens_per_s": rate,
                    "error_frac": typical_error_frac,
                    "note": "prompt-bound",
                    "source": "ai-benchmarks",
                    "detail": f"{row['device']}, {row['model']}",
                    **NO_QUALITY,
                }
            )


def add_llama_3(facts: Facts, published: Published, typical_error_frac: float) -> None:
    """Llama 3 8B and 70B by quantization, with the perplexity of each quantization."""
    quality = _llama_3_quality(facts)
    spelled = {device: name for name, device in LLAMA_3_DEVICES.items()}
    sizes = {
        (r["model"], r["quant"].lower()): figure(r["size_gib"])
        for r in facts.rows("llm_quant_quality.csv")
    }
    rates: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for row in facts.rows("llm_device_tok_s.csv"):
        device = LLAMA_3_DEVICES.get(row["device"])
        model, _, quant = row["model"].partition(" ")
        rate = figure(row["tok_s"])
        if device and rate and model in ("Llama-3-8B", "Llama-3-70B"):
            rates[model, quant.lower(), device].setdefault(row["test"], rate)
    for (model, quant, device), tests in sorted(rates.items()):
        if {"pp 512", "tg 512"} <= tests.keys():
            size = sizes.get((model, quant))
            measured: dict[str, Cell] = {
                "device": device,
                "device_count": 1,
                "runtime": "llama.cpp",
                "precision": {"f16": "fp16"}.get(quant, quant),
                "prompt_tokens_per_s": tests["pp 512"],
                "output_tokens_per_s": tests["tg 512"],
                "memory_bytes": size * BYTES_PER_GIB if size else None,
                "error_frac": typical_error_frac,
                "note": "tokens-device",
                "source": "gpu-benchmarks",
                "detail": f"{spelled[device]}, {model} {quant.upper()}, pp512, tg512",
            }
            stated = quality.get((model, quant), NO_QUALITY)
            published.tokens[model.lower(), False].append(measured | stated)


def _llama_3_quality(facts: Facts) -> dict[tuple[str, str], dict[str, Cell]]:
    """Perplexity of the f16 weights over that of the quantization, plain k-quants."""
    stated = [
        r
        for r in facts.rows("llm_quant_quality.csv")
        if r["ppl_wikitext2"] and r["imatrix"] in ("", "None")
    ]
    base = {
        r["model"]: float(r["ppl_wikitext2"])
        for r in stated
        if r["quant"].lower() == "f16"
    }
    sources = {"Llama-3-8B": "llama-quantize", "Llama-3-70B": "gpu-benchmarks"}
    return {
        (r["model"], r["quant"].lower()): {
            "quality_metric": PERPLEXITY,
            "quality_frac": base[r["model"]] / float(r["ppl_wikitext2"]),
            "quality_source": sources[r["model"]],
        }
        for r in stated
        if r["model"] in sources
    }
