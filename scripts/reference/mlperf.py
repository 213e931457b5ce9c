"""Vision models from MLPerf Inference: the open edge sweep, and closed edge results.

Open sweep: of several valid runs of the same model on the same device, runtime
and precision the newest round counts, and in it the fastest run: a user would
choose the faster delegate too. GPU delegates (OpenCL) and runs that include
preprocessing are left out; so are runs whose accuracy shows a broken model.
Closed division: one accelerator, one host; the median submitter of the newest
round; SingleStream is batch 1, a MultiStream query is batch 8.
"""

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from scripts.reference.profiles import (
    Published,
    accuracy,
    error_frac,
)
from scripts.reference.tables import Cell, Fact, Facts, figure

IMAGENET_SAMPLES: Final = 50_000
LEAST_TOP1_PERCENT: Final = 20.0
LEAST_REPEATS: Final = 10

DEVICES: Final = {
    "Raspberry Pi 4 Model B Rev 1.4 (rpi4)": "raspberry-pi-4",
    "Firefly-RK3588S (firefly)": "rk3588",
    "Khadas VIM4 (vim4)": "vim4",
    "NVIDIA Jetson AGX Orin": "jetson-agx-orin",
    "NVIDIA Jetson AGX Orin (Onnxruntime CPU)": "jetson-agx-orin",
    "NVIDIA Jetson AGX Orin (TFLite with ArmNN Neon on CPU)": "jetson-agx-orin",
    "NVIDIA Jetson AGX Orin (TFLite with xnnpack on CPU)": "jetson-agx-orin",
    "NVIDIA Jetson AGX Xavier": "jetson-agx-xavier",
    "MacBook Pro M1 2020": "macbook-pro-m1",
    "MacBook-Pro M1": "macbook-pro-m1",
    "Amitashs_MBP.attlocal.net": "macbook-pro-m1-pro",
    "HP Pavilion 14-EC1019AU (Arch Linux)": "laptop-ryzen-5-5625u",
    "TRIGKEY Mini PC Ryzen 5 5560": "mini-pc-ryzen-5-5560u",
    "AMD Ryzen Zen4 workstation": "desktop-ryzen-9-7950x",
    "PCSPECIALIST AMD AM5 PC": "desktop-ryzen-9-7950x",
    "GATE Overflow Intel SPR i9": "desktop-core-i9-13900k",
    "Dell Precision 7920 Tower": "workstation-xeon-6240r",
    "AWS cloud instance m7g.2xlarge (graviton)": "graviton3-8vcpu",
    "AWS cloud instance c5.4xlarge": "xeon-cascade-lake-3ghz-16vcpu",
    "AWS cloud instance a1.2xlarge": "graviton1-8vcpu",
    "AWS cloud instance t2.medium (RHEL 9.1)": "xeon-broadwell-burstable-2vcpu",
}
RUNTIMES: Final = (
    ("armnn", "armnn"),
    ("tflite", "tflite"),
    ("onnxruntime", "onnxruntime"),
    ("onnx runtime", "onnxruntime"),
)
CLOSED_DEVICES: Final = {
    "NVIDIA A2": "nvidia-a2",
    "NVIDIA A10": "nvidia-a10",
    "NVIDIA A30": "nvidia-a30",
    "NVIDIA L4": "nvidia-l4",
    "NVIDIA A100-PCIe-80GB": "nvidia-a100-80gb-pcie",
    "NVIDIA A100-SXM-80GB": "nvidia-a100-80gb-sxm",
    "NVIDIA H100-PCIe-80GB": "nvidia-h100-80gb-pcie",
    "NVIDIA Jetson AGX Orin": "jetson-agx-orin",
    "NVIDIA Orin NX": "jetson-orin-nx-16gb",
}
# Model, metric, and the least quality that the closed division admits: 99 % of the
# reference (76.456 % top-1; 0.3755 mAP on OpenImages; 90.874 % F1 on SQuAD).
CLOSED_MODELS: Final = {
    "resnet50": ("resnet-50", "top1_accuracy", 0.99 * 76.456),
    "retinanet": ("retinanet-800", "openimages_map", 0.99 * 37.55),
    "bert-99": ("bert-large-squad", "squad_f1", 0.99 * 90.874),
}
BATCHES: Final = {"SingleStream": 1, "MultiStream": 8}
PRECISIONS: Final = {"fp32": "fp32", "int8": "int8", "uint8": "int8", "INT8": "int8"}


def add_open_sweep(facts: Facts, published: Published) -> float:
    """Classifiers on edge and cloud processors; returns the typical error of a repeat."""
    runs: dict[tuple[str, str, str, str], list[Fact]] = defaultdict(list)
    for row in facts.rows("mlperf_open_edge_mobilenet_sweep.csv"):
        runtime = _runtime(row)
        if _is_sound(row) and runtime:
            key = (
                model_name(row["model"]),
                DEVICES[row["device"]],
                runtime,
                PRECISIONS[row["precision"]],
            )
            runs[key].append(row)
    errors, typical = _errors(runs)
    for (model, device, runtime, precision), rows in sorted(runs.items()):
        known = errors.get((device, runtime, precision)) or errors.get((device, "", ""))
        error, note = known or typical
        best = _chosen(rows)
        source = f"mlperf-{best['round']}-open"
        percent = float(best["top1_acc_pct"])
        measured: dict[str, Cell] = {
            "device": device,
            "device_count": 1,
            "runtime": runtime,
            "precision": precision,
            "batch": 1,
            "p50_ms": float(best["singlestream_p50_ms"]),
            "mean_ms": float(best["singlestream_mean_ms"]),
            "p90_ms": float(best["singlestream_p90_ms"]),
            "p99_ms": float(best["singlestream_p99_ms"]),
            "error_frac": error,
            "note": note,
            "source": source,
            "detail": _log(best),
        }
        quality = accuracy("top1_accuracy", percent, source, IMAGENET_SAMPLES)
        published.batches[model].append(measured | quality)
    return typical[0]


def model_name(raw: str) -> str:
    """One name for the sweep's several spellings of a model.

    Example:
        >>> model_name("mobilenet-v1-precision_float-0.25-160")
        'mobilenet-v1-0.25-160'
        >>> model_name("mobilenet-v3-large_224_1.0_uint8")
        'mobilenet-v3-large-1.0-224'
        >>> model_name("mobilenet-v3-precision_float-small-224")
        'mobilenet-v3-small-1.0-224'
    """
    name = re.sub(r"-(fp32|int8)-|-precision_(float|uint8)-", "-", raw)
    name = re.sub(r"_(\d+)_([\d.]+)_(float|uint8)$", r"-\2-\1", name)
    if re.fullmatch(r"mobilenet-v3-[a-z-]+-\d+", name):
        name = re.sub(r"-(\d+)$", r"-1.0-\1", name)
    return {"resnet50": "resnet-50"}.get(name, name)


def _runtime(row: Fact) -> str | None:
    framework = row["framework"].lower()
    if "opencl" in framework or "tvm" in framework:
        return None
    return next((r for word, r in RUNTIMES if word in framework), None)


def _is_sound(row: Fact) -> bool:
    return (
        row["device"] in DEVICES
        and row["singlestream_valid"] == "VALID"
        and bool(row["singlestream_p50_ms"])
        and float(row["top1_acc_pct"]) >= LEAST_TOP1_PERCENT
        and "preprocessing" not in row["system"]
    )


def _log(row: Fact) -> str:
    path = row["source"].split(" ")[-1].removesuffix("/mlperf_log_summary.txt")
    return f"{row['submitter']}, {row['framework']}, {path}"


def _chosen(rows: list[Fact]) -> Fact:
    newest = max(row["round"] for row in rows)
    return min(
        (row for row in rows if row["round"] == newest),
        key=lambda row: float(row["singlestream_p50_ms"]),
    )


def _errors(
    runs: Mapping[tuple[str, str, str, str], list[Fact]],
) -> tuple[dict[tuple[str, str, str], tuple[float, str]], tuple[float, str]]:
    """Error band and its note by device, runtime and precision, by device, typical.

    A repeat is a run with the same delegate in an older round or on another
    machine; its log ratio to the chosen run is what another buyer may see.
    """
    ratios: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for (_, *variant), rows in sorted(runs.items()):
        chosen = _chosen(rows)
        for row in rows:
            if row["system"] != chosen["system"] and _delegate(row) == _delegate(
                chosen
            ):
                times = (row["singlestream_p50_ms"], chosen["singlestream_p50_ms"])
                log_ratio = math.log(float(times[0]) / float(times[1]))
                ratios[variant[0], variant[1], variant[2]].append(log_ratio)
    known = {k: v for k, v in ratios.items() if len(v) >= LEAST_REPEATS}
    found = {k: (error_frac(v), "repeats") for k, v in known.items()}
    middle = statistics.median(error for error, _ in found.values())
    for device in sorted({k[0] for k in known}):
        pooled = [r for k, v in known.items() if k[0] == device for r in v]
        found[device, "", ""] = error_frac(pooled), "repeats-device"
    return found, (round(middle, 3), "repeats-others")


def _delegate(row: Fact) -> str:
    """The framework without its version: `TFLite (ruy)`."""
    return re.sub(r" v[\w.]+", "", row["framework"])


def add_closed(facts: Facts, published: Published) -> None:
    """ResNet-50, RetinaNet and BERT on single accelerators, batches 1 and 8."""
    runs: dict[tuple[str, str, str], list[Fact]] = defaultdict(list)
    for row in facts.rows("mlperf_results.csv"):
        if _is_single_edge(row):
            precision = PRECISIONS[row["weight_data_types"]]
            key = row["benchmark"], row["accelerator_model_name"], precision
            runs[key].append(row)
    spreads = _submitter_errors(runs)
    for (benchmark, accelerator, precision), rows in sorted(runs.items()):
        model, metric, percent = CLOSED_MODELS[benchmark]
        chosen = _median_submitter(rows)
        if chosen is None:
            continue
        source = f"mlperf-{chosen['round']}-closed"
        system = [r for r in rows if r["system"] == chosen["system"]]
        for row in sorted(system, key=lambda r: BATCHES[r["scenario"]]):
            if row["round"] != chosen["round"]:
                continue
            cells: dict[str, Cell] = {
                "device": CLOSED_DEVICES[accelerator],
                "device_count": 1,
                "runtime": "tensorrt",
                "precision": precision,
                "batch": BATCHES[row["scenario"]],
                "p50_ms": figure(row["lat_p50_ms"]),
                "mean_ms": figure(row["lat_mean_ms"]),
                "p90_ms": figure(row["lat_p90_ms"]),
                "p99_ms": figure(row["lat_p99_ms"]),
                "error_frac": spreads[benchmark],
                "note": "submitters",
                "source": source,
                "detail": f"{row['submitter']}, {row['framework']}, {row['system']}",
            }
            quality = accuracy(metric, percent, source)
            published.batches[model].append(cells | quality)


def _is_single_edge(row: Fact) -> bool:
    return (
        row["system_type"].startswith("edge")
        and row["accelerators_per_node"] == "1"
        and row["accelerator_model_name"] in CLOSED_DEVICES
        and row["benchmark"] in CLOSED_MODELS
        and row["scenario"] in BATCHES
        # NVIDIA's engines are int8; the few submissions that say fp32 ran the same.
        and row["weight_data_types"] == "int8"
        and "TensorRT" in row["framework"]
        and "MaxQ" not in row["system"]
    )


def _median_submitter(rows: list[Fact]) -> Fact | None:
    single = [r for r in rows if r["scenario"] == "SingleStream"]
    if not single:
        return None
    newest = max(r["round"] for r in single)
    ranked = sorted(
        (r for r in single if r["round"] == newest),
        key=lambda r: float(r["lat_p50_ms"]),
    )
    return ranked[len(ranked) // 2]


def _submitter_errors(runs: dict[tuple[str, str, str], list[Fact]]) -> dict[str, float]:
    ratios: dict[str, list[float]] = defaultdict(list)
    for (benchmark, *_), rows in runs.items():
        chosen = _median_submitter(rows)
        for row in rows:
            if (
                chosen
                and row["scenario"] == "SingleStream"
                and row["system"] != chosen["system"]
            ):
                times = float(row["lat_p50_ms"]), float(chosen["lat_p50_ms"])
                ratios[benchmark].append(math.log(times[0] / times[1]))
    return {benchmark: error_frac(values) for benchmark, values in ratios.items()}
