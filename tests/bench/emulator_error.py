"""How far off emulated latencies are, on published tables: python tests/bench/emulator_error.py

Every published device in turn is predicted from every other one, by the rule that
the emulators use and, for comparison, by one ratio for all sizes. Models of the
calibration take no part in the score; each family of models weighs the same.

    median, p90       of |ln published − ln predicted|, as percentages
    band              one-sided 90 % quantile: what a profile's error_frac starts from
    coverage          share of a device's times within a band learned without it
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

from planner.reference.catalog import Catalog
from profilers.emulators import bands, calibration
from profilers.emulators.bands import HeldOut
from profilers.emulators.emulator import isa
from profilers.emulators.published import tables, times
from profilers.emulators.ratios import MIN_MODELS

Errors = Sequence[HeldOut]
Rule = Callable[[Mapping[str, bands.Times]], Errors]


@dataclass(frozen=True)
class BenchSpec:
    name: str
    build: Rule
    sweep: tuple


def with_slope(table):
    return bands.held_out_errors(table, calibration.MODELS)


def with_one_ratio(table):
    """The obvious rule: the median of the known models' ratios."""
    found = []
    for local, device in product(table, table):
        shared = [m for m in table[local] if m in table[device]]
        ratios = {m: math.log(table[device][m] / table[local][m]) for m in shared}
        known = [r for m, r in ratios.items() if m in calibration.MODELS]
        if local == device or len(known) < MIN_MODELS:
            continue
        found += [
            HeldOut(local=local, device=device, model=m, log_error=r - median(known))
            for m, r in ratios.items()
            if m not in calibration.MODELS
        ]
    return found


SPECS = (
    BenchSpec("slope", with_slope, calibration.PRECISIONS),
    BenchSpec("one ratio", with_one_ratio, calibration.PRECISIONS),
)


def absolute(errors):
    return [
        HeldOut(
            local=e.local, device=e.device, model=e.model, log_error=abs(e.log_error)
        )
        for e in errors
    ]


def percent(log_error):
    return f"{math.expm1(log_error):.0%}"


def coverage(errors, device):
    """Within a band that never saw the device, neither as this machine nor as itself."""
    others = [e for e in errors if device not in (e.local, e.device)]
    band = bands.quantile(others, 0.9)
    return bands.coverage_frac([e for e in errors if e.device == device], band)


def line(name, errors, covered=""):
    sizes = absolute(errors)
    cells = (
        f"{len(errors):>6}",
        f"{percent(bands.quantile(sizes, 0.5)):>7}",
        f"{percent(bands.quantile(sizes, 0.9)):>7}",
        f"{percent(bands.quantile(errors, 0.9)):>7}",
        f"{covered:>9}",
    )
    return f"{name:<40}{''.join(cells)}"


def report(spec, precision, table, isas):
    errors = spec.build(table)
    devices = sorted({e.device for e in errors})
    covered = {d: coverage(errors, d) for d in devices}
    yield f"\n{precision}, {spec.name}"
    yield f"{'':<40}{'n':>6}{'median':>7}{'p90':>7}{'band':>7}{'coverage':>9}"
    yield line("all", errors, f"{sum(covered.values()) / len(covered):.0%}")
    for here, there in product(sorted(set(isas.values())), repeat=2):
        of_pair = [
            e for e in errors if isas[e.local] == here and isas[e.device] == there
        ]
        if of_pair:
            yield line(f"{here} to {there}", of_pair)
    for device in devices:
        to_device = [e for e in errors if e.device == device]
        yield line(f"to {device}", to_device, f"{covered[device]:.0%}")


def main():
    catalog = Catalog.shipped()
    published = tables(p for m in catalog.models() for p in catalog.profiles(m.name))
    for spec in SPECS:
        for precision in spec.sweep:
            table = times(published[precision])
            isas = {d: isa(catalog.device(d).architecture) for d in table}
            for text in report(spec, precision, table, isas):
                sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
