"""How far off predictions of a user's own model are, by models that are published:

    planner profile SPEC --reference-models && python tests/bench/own_prediction.py

Each published model that was timed on this machine is taken to be the user's own: of no
known name or family, known by its time here and by what was counted of it. Its time on
every published device of the sweep is predicted from the others that were timed here.

    itself out    the others of its family are still known of the device
    family out    none is: what a network unlike all published ones may expect
    median, p90   of |truth / prediction − 1|
    covers        share of truths within the 90 % interval; below its upper bound
    band          median of that bound over the prediction
    refused       too few models left in common, or its time outside theirs
"""

import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as of
from itertools import product

import numpy as np

from planner.domain.operations import Operations, family
from planner.domain.predictions import Refused
from planner.domain.profiles import BatchProfile
from planner.domain.variants import Runtime
from planner.perf.transfer import Transferred, Used, transferred
from planner.pipeline.asking.atlas import Atlas, Setting, setting_of
from planner.reference.catalog import Catalog
from planner.wiring import measuring

CATALOG = Catalog.shipped()
SWEEP = (Runtime.TFLITE, Runtime.ARMNN)
OWN = "the user's own"


@dataclass
class Tally:
    errors: list[float] = of(default_factory=list)
    bands: list[float] = of(default_factory=list)
    covered: list[bool] = of(default_factory=list)
    bounded: list[bool] = of(default_factory=list)
    n_refused: int = 0

    def cells(self) -> str:
        if not self.errors:
            return f"{0:6}{'':45}{self.n_refused:8}"
        off = np.abs(np.expm1(self.errors))
        shares = (np.median(off), np.quantile(off, 0.9), np.mean(self.covered),
                  np.mean(self.bounded), np.median(self.bands))  # fmt: skip
        return f"{len(off):6}{''.join(f'{s:9.1%}' for s in shares)}{self.n_refused:8}"


def known_by(used: Used, operations: Mapping[str, Operations]) -> dict[str, Operations]:
    """As much as predictions of that kind know of each model."""
    if used is Used.ACTIVATIONS:
        return dict(operations)
    if used is Used.NOTHING:
        return {}
    return {
        m: Operations(model=m, parameters=o.parameters, macs=o.macs, source=o.source)
        for m, o in operations.items()
    }


def predicted(
    references: Sequence[BatchProfile], used: Used, *, family_out: bool
) -> Iterator[tuple[Setting, float, Transferred | Refused]]:
    """Where, the published time, and what is predicted."""
    atlas = Atlas.of(CATALOG, references)
    operations = known_by(used, atlas.counted)
    for own, there in product(references, atlas.columns):
        truth = atlas.columns[there].get(own.model)
        if there.precision is not own.variant.precision or truth is None:
            continue
        if there.runtime not in SWEEP:
            continue
        here = atlas.seconds(setting_of(own))
        others = {
            m: t
            for m, t in atlas.seconds(there).items()
            if m != own.model and not (family_out and family(m) == family(own.model))
        }
        mine = operations.get(own.model)
        found = transferred(
            OWN,
            {**here, OWN: here[own.model]},
            others,
            operations if mine is None else {**operations, OWN: mine},
            family_known=False,
        )
        yield there, truth.points[0].p50_s, found


def main() -> None:
    out = sys.stdout
    profiler = measuring.profiler(CATALOG, executor="local")
    references = profiler.references()
    if not references:
        out.write("no published model was timed here: planner profile SPEC --reference-models\n")  # fmt: skip
        return
    out.write(f"{len(references)} times of published models on this machine\n")
    out.write(f"{'':11}{'known by':38}{'of':42}{'n':>6}{'median':>9}{'p90':>9}{'covers':>9}{'bounds':>9}{'band':>9}{'refused':>8}\n")  # fmt: skip
    for family_out, used in product((False, True), (Used.ACTIVATIONS, Used.OPERATIONS, Used.NOTHING)):  # fmt: skip
        tallies: dict[str, Tally] = defaultdict(Tally)
        for there, truth_s, found in predicted(references, used, family_out=family_out):
            groups = [f"{there.precision}, all"]
            if used is Used.ACTIVATIONS and not family_out:
                groups.append(f"{there.precision}, {there.device}")
            for group in groups:
                tally = tallies[group]
                if isinstance(found, Refused):
                    tally.n_refused += 1
                    continue
                tally.errors.append(math.log(truth_s / found.p50_s))
                tally.bands.append(found.error_frac)
                tally.covered.append(found.low_s <= truth_s <= found.high_s)
                tally.bounded.append(truth_s <= found.p50_s * (1 + found.error_frac))
        left_out = "family out" if family_out else "itself out"
        for group, tally in sorted(tallies.items()):
            out.write(f"{left_out:11}{used:38}{group:42}{tally.cells()}\n")
        out.flush()


if __name__ == "__main__":
    main()
