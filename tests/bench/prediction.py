"""How far off predictions are, on published tables:

    python tests/bench/prediction.py [WORDS]

About 90 s of one core; with words, only the rows that hold one of them, as "language".
Everything that is predicted was published, and was held back:

    model left out    its time on a device from its time on one other (each pair), and
                      from the best of all others, as `planner predict` does
    family left out   the same, without any model of its family on the device; by times
                      alone as the user's own model, whose operations nobody states
    device left out   an accelerator's times from its peaks and from others' times;
                      a GPU's TPOT and TTFT from load curves of other GPUs; another
                      size of a processor from the speeds of both sizes
    median, p90       of |truth / prediction − 1|
    covers            share of truths within the 90 % interval; below its upper bound
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from planner.domain.operations import family
from planner.domain.predictions import Prediction
from planner.domain.profiles import TokenRates
from planner.domain.variants import Precision, Runtime
from planner.perf import peaks as roofs
from planner.perf.kriging import covering
from planner.perf.sizes import Size, factor, factor_sigma, is_comparable
from planner.perf.transfer import INTERVAL_FRAC, Transferred, transferred
from planner.pipeline.asking.atlas import Atlas, runs_cuda
from planner.pipeline.asking.unmeasured.loads import KnownOfHost, left_out, seen_points
from planner.pipeline.asking.unmeasured.models import from_models
from planner.pipeline.asking.unmeasured.rows import usable
from planner.reference.catalog import Catalog
from planner.reference.devices import CPU_NAME

CATALOG = Catalog.shipped()
ATLAS = Atlas.of(CATALOG)
SWEEP = (Runtime.TFLITE, Runtime.ARMNN)


@dataclass(frozen=True)
class Held:
    """One held-back truth over its prediction, and whether the interval held it."""

    group: str
    log_error: float
    covered: bool
    bounded: bool


@dataclass(frozen=True)
class BenchSpec:
    name: str
    build: Callable[[], Iterator[Held]]


def _device_class(name: str) -> str:
    kind = CATALOG.device(name).kind
    return {"edge": "board or box", "cpu": "cloud CPU", "gpu": "accelerator"}[kind]


def _columns(precision: Precision):
    return [
        s for s in ATLAS.columns if s.precision is precision and s.runtime in SWEEP
    ]  # fmt: skip


def _held(group, truth_s, found: Transferred) -> Held:
    return Held(
        group,
        math.log(truth_s / found.p50_s),
        found.low_s <= truth_s <= found.high_s,
        truth_s <= found.p50_s * (1 + found.error_frac),
    )


def pairs(*, without_family: bool = False, with_operations: bool = True):
    def build() -> Iterator[Held]:
        for precision in (Precision.FP32, Precision.INT8):
            for here, there in permutations(_columns(precision), 2):
                if here.device != there.device:
                    yield from _pair(here, there)

    def _pair(here, there) -> Iterator[Held]:
        times, truths = ATLAS.seconds(here), ATLAS.seconds(there)
        operations = ATLAS.operations if with_operations else {}
        for model in times.keys() & truths.keys() & ATLAS.operations.keys():
            known = {
                m: t
                for m, t in truths.items()
                if not without_family or family(m) != family(model)
            }
            found = transferred(model, times, known, operations)
            if isinstance(found, Transferred):
                group = f"{there.precision}, {_device_class(there.device)}"
                yield _held(group, truths[model], found)

    return build


def best_of_all() -> Iterator[Held]:
    for precision in (Precision.FP32, Precision.INT8):
        for there in _columns(precision):
            for model, row in ATLAS.columns[there].items():
                yield from _best(model, there, row.points[0].p50_s)


def _best(model, there, truth_s) -> Iterator[Held]:
    profiles = [
        p
        for p in usable(CATALOG.profiles(model))
        if p.device != there.device and p.variant.precision is there.precision
    ]
    for told in from_models(profiles, CATALOG.device(there.device), ATLAS):
        if isinstance(told, Prediction) and told.profile.variant.runtime is there.runtime:  # fmt: skip
            p50_s = told.profile.points[0].p50_s
            bound_s = p50_s * (1 + told.profile.evidence.error_frac)
            yield Held(
                f"{there.precision}, {_device_class(there.device)}",
                math.log(truth_s / p50_s),
                told.low_s <= truth_s <= told.high_s,
                truth_s <= bound_s,
            )


def accelerators() -> Iterator[Held]:
    for precision in (Precision.INT8, Precision.FP16):
        yield from _by_errors(f"{precision}, accelerator", _things(precision))


def _things(precision) -> list[float]:
    things = []
    for rows in ATLAS.by_model.values():
        for variant, timing in dict.fromkeys((p.variant, p.timing) for p in rows):
            if variant.precision is precision:
                alike = [p for p in rows if (p.variant, p.timing) == (variant, timing)]
                things += _timed(alike)
    return list(roofs.left_out(things))


def _timed(profiles):
    found = {}
    for p in profiles:
        device = CATALOG.device(p.device)
        peaks = roofs.peaks_of(device, p.variant.precision)
        if peaks is not None and runs_cuda(device):
            for point in p.points:
                timed = roofs.Timed(device=p.device, peaks=peaks, time_s=point.p50_s)
                found.setdefault(point.batch, []).append(timed)
    return [t for t in found.values() if len({x.device for x in t}) >= roofs.MIN_DEVICES]  # fmt: skip


def _by_errors(group, errors) -> Iterator[Held]:
    """Each error against the interval that the others would have given."""
    for i, error in enumerate(errors):
        others = [*errors[:i], *errors[i + 1 :]]
        half = roofs.half_width(others, INTERVAL_FRAC)
        band = roofs.half_width(others, 2 * INTERVAL_FRAC - 1)
        yield Held(group, error, abs(error) <= half, error <= band)


def language() -> Iterator[Held]:
    """TTFT three times: its host's instance type known, its provider, or nothing."""
    seen = seen_points(ATLAS.curves, ATLAS, CATALOG)
    errors = left_out(seen, CATALOG)
    yield from _by_errors("TPOT, one GPU", list(errors.tpot))
    yield from _by_errors("TTFT, any host", list(errors.ttft))
    for known in (KnownOfHost.PROVIDER, KnownOfHost.INSTANCE):
        errors = left_out(seen, CATALOG, known)
        yield from _by_errors(f"TTFT, known {known.name.lower()}", list(errors.ttft))


def sizes() -> Iterator[Held]:
    """Prompt reading of llama.cpp, which uses all cores, from size to size."""
    rates: dict[tuple[str, str], dict[int, float]] = {}
    for model in CATALOG.models():
        for p in CATALOG.profiles(model.name):
            match = CPU_NAME.fullmatch(p.device)
            if isinstance(p, TokenRates) and match:
                key = (f"{p.model} {p.variant}", match["generation"])
                rates.setdefault(key, {})[int(match["vcpus"])] = p.prompt_tokens_per_s
    found = [
        (generation, *told)
        for (_, generation), by_size in rates.items()
        for a, b in combinations(sorted(by_size), 2)
        for told in _size(generation, a, b, by_size)
    ]
    for generation in dict.fromkeys(g for g, _, _ in found):
        others = sorted(abs(z) / s for g, z, s in found if g != generation)
        ends = covering(others, INTERVAL_FRAC), covering(others, 2 * INTERVAL_FRAC - 1)
        for g, z, sigma in found:
            if g == generation:
                held = abs(z) <= ends[0] * sigma, z <= ends[1] * sigma
                yield Held("prompts, llama.cpp", z, *held)


def _size(generation, a, b, by_size) -> Iterator[tuple[float, float]]:
    """Logarithm of truth over prediction, and the stated standard deviation."""
    speeds = [CATALOG.images_per_s(f"{generation}-{n}vcpu") for n in (a, b)]
    if None in speeds:
        return
    small, large = (
        Size(vcpus=n, images_per_s=s[0]) for n, s in zip((a, b), speeds, strict=True)
    )
    if is_comparable(small, large):
        change = factor(large, small, uses_all_cores=True)
        truth = by_size[b] / by_size[a]
        yield math.log(truth / change.middle_ratio), factor_sigma(change)


SPECS = (
    BenchSpec("model left out, each other device", pairs()),
    BenchSpec("model left out, best other device", best_of_all),
    BenchSpec("the same by times alone", pairs(with_operations=False)),
    BenchSpec("family left out", pairs(without_family=True)),
    BenchSpec(
        "family left out, by times alone",
        pairs(without_family=True, with_operations=False),
    ),
    BenchSpec("accelerator left out", accelerators),
    BenchSpec("GPU left out, language models", language),
    BenchSpec("another size of a processor", sizes),
)


def main() -> None:
    out = sys.stdout
    head = f"{'held back':36}{'of':26}{'n':>7}{'median':>9}{'p90':>9}{'covers':>9}{'bounds':>9}\n"  # fmt: skip
    out.write(head)
    wanted = sys.argv[1:]
    for spec in SPECS:
        if wanted and not any(word in spec.name for word in wanted):
            continue
        groups: dict[str, list[Held]] = {}
        for held in spec.build():
            groups.setdefault(held.group, []).append(held)
        if len(groups) > 2:
            groups["all"] = [h for members in groups.values() for h in members]
        for group, members in groups.items():
            off = np.abs(np.expm1([h.log_error for h in members]))
            out.write(
                f"{spec.name:36}{group:26}{len(members):7}{np.median(off):9.1%}"
                f"{np.quantile(off, 0.9):9.1%}"
                f"{np.mean([h.covered for h in members]):9.1%}"
                f"{np.mean([h.bounded for h in members]):9.1%}\n"
            )
            out.flush()


if __name__ == "__main__":
    main()
