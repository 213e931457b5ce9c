"""What a plan owes its users while an uplink is out all the time that is simulated.

Its promise is then kept for what the document requires offline: of a workload with
`offline_frac` p, promised to the share q in time, p·q of all requests; of one without,
nothing. What is answered beyond that is seen in the figures, and owed to nobody.
"""

import math
from collections.abc import Iterable

from planner.pipeline.rehearsing.staging import Conditions
from planner.specs.assurance import PlanOffline
from planner.specs.plan import PlanDocument
from planner.specs.simulation import SimulatedWorkload, SimulationDocument


def owed(
    seen: SimulationDocument, plan: PlanDocument, conditions: Conditions
) -> SimulationDocument:
    """The simulation with promises as they hold offline, where an uplink stays out."""
    out = {
        o.line for o in conditions.outages if o.from_s <= 0 and math.isinf(o.until_s)
    }
    cut_off = {o.workload: o for o in plan.offline if o.site in out}
    if not cut_off:
        return seen
    return seen.model_copy(
        update={
            "workloads": tuple(
                _offline(w, cut_off[w.name]) if w.name in cut_off else w
                for w in seen.workloads
            ),
            "assumptions": (*seen.assumptions, *_words(cut_off.values())),
        }
    )


def _offline(w: SimulatedWorkload, asked: PlanOffline) -> SimulatedWorkload:
    promised = w.promised_frac * (asked.required_frac or 0.0)
    return w.model_copy(
        update={"promised_frac": promised, "is_kept": w.high_frac >= promised}
    )


def _words(cut_off: Iterable[PlanOffline]) -> Iterable[str]:
    for o in cut_off:
        required = o.required_frac
        owed_words = (
            "nothing is promised of"
            if required is None
            else f"{required:.0%} of requests are to be answered of"
        )
        yield (
            f"The uplink of {o.site} is out all the time: {owed_words} {o.workload}; the "
            f"plan's own figure is {o.answered_frac:.1%}."
        )
