"""Vision models and BERT from other benchmarks: boards, Coral, and NVIDIA's tables.

A point whose percentiles contradict each other is left out, and so are accuracies
that were taken on four images.
"""

from collections import defaultdict
from typing import Final

from scripts.reference.profiles import NO_QUALITY, Published, accuracy
from scripts.reference.tables import Cell, Fact, Facts, figure

# Board, runtime word and threads as the benchmarks spell them; the whole board's
# four threads for processors, the one that feeds it for the Edge TPU.
BOARDS: Final = {
    "RasPi2 V1.2 32bit": ("raspberry-pi-2", "4"),
    "RasPi3 B+ 64bit": ("raspberry-pi-3b-plus", "4"),
    "RasPi4 64bit": ("raspberry-pi-4", "4"),
    "RasPi4 64bit + Coral USB EdgeTPU": ("raspberry-pi-4-coral-usb", "1"),
    "Raspberry Pi 3, Model B+": ("raspberry-pi-3b-plus", ""),
    "Raspberry Pi 4": ("raspberry-pi-4", ""),
    "Raspberry Pi 5": ("raspberry-pi-5", ""),
    "Jetson Nano": ("jetson-nano", ""),
    "Jetson Orin Nano Super 8GB": ("jetson-orin-nano-super-8gb", ""),
    "Jetson Orin NX 16GB": ("jetson-orin-nx-16gb", ""),
    "Jetson AGX Xavier": ("jetson-agx-xavier", ""),
    "NVIDIA T4": ("nvidia-t4", ""),
    "Intel Core Ultra 7 258V CPU": ("laptop-core-ultra-7-258v", ""),
}
RUNTIMES: Final = {
    "TFLite FP32": "tflite",
    "TFLite INT8": "tflite",
    "TFLite": "tflite",
    "TensorFlow Lite": "tflite",
    "TFLite EdgeTPU": "edgetpu",
    "TensorRT": "tensorrt",
    "TensorRT10": "tensorrt",
    "ONNX": "onnxruntime",
    "OpenVINO": "openvino",
    "NCNN": "ncnn",
    "PyTorch": "torch",
}
PRECISIONS: Final = {
    "FP32": "fp32",
    "FP16": "fp16",
    "INT8": "int8",
    "FP32/FP16": "fp16",
}
SOURCES: Final = {
    "NobuoTsukamoto": "nobuo",
    "aallan": "allan",
    "nvidia-jetson.md": "ultralytics-jetson",
    "raspberry-pi.md": "ultralytics-jetson",
    "openvino.md": "ultralytics-openvino",
    "tensorrt.md": "ultralytics-tensorrt",
    "README.md (AGPL": "ultralytics-readme",
}
COCO_SAMPLES: Final = 5000
# An average precision is no share of right answers: no interval is derived for it.
METRICS: Final = {
    ("COCO val2017", "mAP50-95 %"): ("map50_95", 1.0),
    ("COCO val2017", "mAP50-95"): ("map50_95", 100.0),
    ("ImageNet val", "top-1 %"): ("top1_accuracy", 1.0),
}
TASKS: Final = {"detection", "classification"}
NVIDIA_DEVICES: Final = {
    "T4": "nvidia-t4",
    "V100-16GB": "nvidia-v100-16gb-sxm",
    "V100-32GB": "nvidia-v100-32gb-sxm",
    "A100-80GB": "nvidia-a100-80gb-sxm",
}
NVIDIA_MODELS: Final = {
    ("PyTorch/Classification/ConvNets/resnet50v1.5", ""): "resnet-50",
    (
        "PyTorch/Classification/ConvNets/efficientnet",
        "efficientnet-b0",
    ): "efficientnet-b0",
    (
        "PyTorch/Classification/ConvNets/efficientnet",
        "efficientnet-b4",
    ): "efficientnet-b4",
}
TRITON_MODELS: Final = {
    "PyTorch/Classification/ConvNets/triton/resnet50": "resnet-50",
    "PyTorch/LanguageModeling/BERT/triton/large": "bert-large-squad",
    "PyTorch/LanguageModeling/BERT/triton/dist4l": "bert-distilled-4-layers",
    "PyTorch/LanguageModeling/BERT/triton/dist6l": "bert-distilled-6-layers",
}
# Backend and its accelerator; ONNX Runtime alone is its CUDA provider.
TRITON_RUNTIMES: Final = {
    ("", ""): "onnxruntime",
    ("ONNX Runtime", "-"): "onnxruntime",
    ("NVIDIA TensorRT", "-"): "tensorrt",
    ("PyTorch", "-"): "torch",
}


def add_boards(facts: Facts, published: Published, typical_error_frac: float) -> None:
    """Detectors and classifiers on boards, boxes and the T4; only means are published."""
    seen: set[tuple[str, ...]] = set()
    for row in facts.rows("edge_vision_bench.csv"):
        board = BOARDS.get(row["device"])
        if board is None or not _is_usable(row, board[1]):
            continue
        model, runtime = _model(row), RUNTIMES[row["runtime"]]
        precision = PRECISIONS[row["precision"]]
        source = next(key for word, key in SOURCES.items() if word in row["source"])
        if (model, board[0], runtime, precision) in seen:
            continue
        seen.add((model, board[0], runtime, precision))
        latency = float(row["latency_ms"])
        measured: dict[str, Cell] = {
            "device": board[0],
            "device_count": 1,
            "runtime": runtime,
            "precision": precision,
            "batch": 1,
            "p50_ms": latency,
            "mean_ms": latency,
            "error_frac": typical_error_frac,
            "note": "mean-only",
            "source": source,
            "detail": f"{row['device']}, {row['runtime']}, {row['input']}",
        }
        cells = measured | _quality(row, source)
        published.batches[model].append(cells)
        if board[0] == "raspberry-pi-5":
            published.batches[model].append(cells | {"device": "raspberry-pi-5-8gb"})


def _is_usable(row: Fact, threads: str) -> bool:
    return (
        row["task"] in TASKS
        and row["threads"] == threads
        and row["runtime"] in RUNTIMES
        and row["precision"] in PRECISIONS
        and bool(row["latency_ms"])
    )


def _model(row: Fact) -> str:
    name = row["model"].lower().replace(" ", "-")
    return {
        "ssd-mobilenet-v2-coco-300x300": "ssd-mobilenet-v2",
        "ssd-mobilenet-v1-0.75-depth-coco-300x300": "ssd-mobilenet-v1-0.75",
    }.get(name, name)


def _quality(row: Fact, source: str) -> dict[str, Cell]:
    metric = METRICS.get((row["dataset"], row["accuracy_metric"]))
    if metric is None or not row["accuracy"]:
        return NO_QUALITY
    return accuracy(metric[0], float(row["accuracy"]) * metric[1], source)


def add_nvidia(facts: Facts, published: Published, typical_error_frac: float) -> None:
    """Whole-batch latencies on T4, V100 and A100 with several batch sizes each."""
    found: dict[tuple[str, str, str, str], dict[int, tuple[Fact, str]]] = defaultdict(
        dict
    )
    for row in facts.rows("nvidia_dle_batch_latency.csv"):
        model = NVIDIA_MODELS.get((row["model"], row["variant"]))
        if model and _is_explicit(row):
            key = (
                model,
                NVIDIA_DEVICES[row["device"]],
                "torch",
                PRECISIONS[row["precision"]],
            )
            found[key].setdefault(int(row["batch"]), (row, row["model"]))
    for row in facts.rows("nvidia_triton_concurrency.csv"):
        model = TRITON_MODELS.get(row["model"])
        runtime = TRITON_RUNTIMES.get((row["backend"], row["backend_accelerator"]))
        if model and runtime and _is_static(row):
            key = (
                model,
                NVIDIA_DEVICES[row["device"]],
                runtime,
                PRECISIONS[row["precision"]],
            )
            found[key].setdefault(int(row["batch"]), (row, row["model"]))
    for key, points in sorted(found.items()):
        _add_nvidia_profile(key, points, published, typical_error_frac)


def _is_explicit(row: Fact) -> bool:
    return (
        row["unit_flag"] == "explicit"
        and row["device"] in NVIDIA_DEVICES
        and row["precision"] in PRECISIONS
    )


def _is_static(row: Fact) -> bool:
    return (
        row["batching"] == "static"
        and row["device"] in NVIDIA_DEVICES
        and row["precision"] in PRECISIONS
        and row["concurrency"] in ("", "1")
    )


def _add_nvidia_profile(
    key: tuple[str, str, str, str],
    points: dict[int, tuple[Fact, str]],
    published: Published,
    typical_error_frac: float,
) -> None:
    model, device, runtime, precision = key
    for batch, (row, path) in sorted(points.items()):
        times = _times(row)
        if not _ascends(times):
            continue
        published.batches[model].append(
            {
                "device": device,
                "device_count": 1,
                "runtime": runtime,
                "precision": precision,
                "batch": batch,
                **times,
                "error_frac": typical_error_frac,
                "note": "nvidia",
                "source": "nvidia-examples",
                "detail": f"{path}/README.md",
                **NO_QUALITY,
            }
        )


def _times(row: Fact) -> dict[str, Cell]:
    mean = figure(row.get("lat_avg_ms", row.get("avg_ms", "")))
    stated = {
        p: figure(row.get(f"lat_{p}_ms", row.get(f"{p}_ms", "")))
        for p in ("p50", "p90", "p95", "p99")
    }
    return {
        "p50_ms": stated["p50"] or mean,
        "mean_ms": mean,
        "p90_ms": stated["p90"],
        "p95_ms": stated["p95"],
        "p99_ms": stated["p99"],
    }


def _ascends(times: dict[str, Cell]) -> bool:
    stated = [times[f"{p}_ms"] for p in ("p50", "p90", "p95", "p99")]
    values = [float(str(v)) for v in stated if v]
    return times["p50_ms"] is not None and values == sorted(values)
