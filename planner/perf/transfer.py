"""A model's time on a device where only other models were measured.

From its time on another device, and the models that were measured on both:

    ln t[there, m] - ln t[here, m]  =  g(ln t, ln operations/t, ln parameters/t, ln activations/t)

with t = t[here, m] and g learned from the common models by `kriging.py`; activations are
the numbers that convolutions and matrix products read and write. Amounts enter by the
second, as a roofline has them: of models that reach the same rates here, the one that
takes twice as long takes about twice as long there. As much is used as is known of the model
and of MIN_COMMON others: without activations, or without any of the three, a line in
ln t[here] alone. Without operations the left-out error on the published tables more than
triples (`tests/bench/prediction.py`).

Sizes of one architecture are alike beyond that, and published ones say by name what they
are. A user's own model may be of any or of none: then families are not told apart, and
what was counted alone says which published models it is like.

"No" is an answer: with fewer than MIN_COMMON models in common, or for a model that lies more
than BEYOND_RATIO outside theirs in time or operations, or has so many more parameters or
activations for each operation than any of them (memory would decide, not arithmetic),
nothing is predicted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from planner.domain.operations import Operations, family
from planner.domain.predictions import Refused
from planner.perf.kriging import Estimate, Site, estimate

# Fewer leave nothing to measure the error with.
MIN_COMMON: Final = 8
# Half of what separates the smallest and the largest published model in size.
BEYOND_RATIO: Final = 3.0
INTERVAL_FRAC: Final = 0.9
# The rest is of weight only where there is more of it.
_TWO_SIDED: Final = frozenset({"time", "operations"})

Seconds = Mapping[str, float]  # by model
Known = Mapping[str, Operations]  # by model


class Used(StrEnum):
    """What a model is known by, beside its time."""

    NOTHING = "times alone"
    OPERATIONS = "operations and times"
    ACTIVATIONS = "operations, activations and times"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """A predicted time, its 90 % interval, and its one-sided 90 % error band.

    `common` are the models that were measured on both devices, `used` what was known of
    each beside its time.
    """

    p50_s: float
    low_s: float
    high_s: float
    error_frac: float
    ratio: float
    common: tuple[str, ...]
    used: Used


def transferred(
    model: str,
    here: Seconds,
    there: Seconds,
    operations: Known,
    *,
    family_known: bool = True,
) -> Transferred | Refused:
    """The model's time there; `here` holds it, `there` need not.

    A time of the model that is in `there` is not looked at. Unless its `family_known`,
    its name says nothing of what it is.
    """
    used, common = _common(model, here, there, operations)
    if len(common) < MIN_COMMON:
        return Refused(
            reason=f"{len(common)} other models are known both there and where this one "
            f"was measured, and {MIN_COMMON} are needed to tell how far off a prediction "
            "is: measure it there, planner profile",
            n_common=len(common),
        )

    def site(name: str) -> Site:
        time = math.log(here[name])
        amounts = _logarithms(operations.get(name), used)
        return Site(
            x=(time, *(a - time for a in amounts)),
            kin=_kin(name, used, family_known=family_known),
            family=family(name) if family_known or name != model else "",
        )

    known = [site(m) for m in common]
    beyond, what = _beyond(site(model), known)
    if beyond > BEYOND_RATIO:
        return Refused(
            reason=f"in {what} it lies a factor of {beyond:.1f} outside the models that "
            "were measured on both devices: measure it there, planner profile",
            n_common=len(common),
        )
    answer = estimate(
        known,
        [math.log(there[m] / here[m]) for m in common],
        site(model),
    )
    return _told(here[model], answer, common, used)


def _common(
    model: str, here: Seconds, there: Seconds, operations: Known
) -> tuple[Used, list[str]]:
    """The most that is known of the model and of enough others, and these."""
    others = [m for m in here if m in there and m != model]
    for used in (Used.ACTIVATIONS, Used.OPERATIONS):
        alike = [m for m in others if _logarithms(operations.get(m), used)]
        if _logarithms(operations.get(model), used) and len(alike) >= MIN_COMMON:
            return used, alike
    return Used.NOTHING, others


def _kin(model: str, used: Used, *, family_known: bool) -> str:
    """What it has in common with others beyond what is known of them in figures."""
    if used is Used.NOTHING:
        # Sizes of a family share an architecture, and nothing was counted of it.
        return model
    return family(model) if family_known else ""


def _beyond(at: Site, known: Sequence[Site]) -> tuple[float, str]:
    """How far outside them it lies, in what it lies farthest outside in."""
    others = [_support(s) for s in known]
    apart: dict[str, float] = {}
    for what, own in _support(at).items():
        theirs = [o[what] for o in others]
        below = min(theirs) - own if what in _TWO_SIDED else 0.0
        apart[what] = max(own - max(theirs), below, 0.0)
    farthest = max(apart, key=apart.__getitem__)
    return math.exp(apart[farthest]), farthest


def _support(site: Site) -> Mapping[str, float]:
    """Logarithms of what has to lie near others', as far as it is known."""
    time, *rates = site.x
    found = {"time": time}
    if rates:
        operations, parameters, *activations = rates
        found["operations"] = operations + time
        found["parameters for each operation"] = parameters - operations
        for values in activations:
            found["activations for each operation"] = values - operations
    return found


def _logarithms(stated: Operations | None, used: Used) -> tuple[float, ...]:
    """Of what a prediction by `used` is made from beside times; empty if not known."""
    if stated is None or used is Used.NOTHING:
        return ()
    known: list[int] = [stated.macs or stated.parameters, stated.parameters]
    if used is Used.ACTIVATIONS:
        if stated.activation_values is None:
            return ()
        known.append(stated.activation_values)
    return tuple(map(math.log, known))


def _told(
    time_s: float, answer: Estimate, common: Sequence[str], used: Used
) -> Transferred:
    ratio = math.exp(answer.value)
    half = answer.half_width(INTERVAL_FRAC)
    return Transferred(
        p50_s=time_s * ratio,
        low_s=time_s * ratio * math.exp(-half),
        high_s=time_s * ratio * math.exp(half),
        # Two-sided 80 % leaves 10 % above.
        error_frac=math.expm1(answer.half_width(2 * INTERVAL_FRAC - 1)),
        ratio=ratio,
        common=tuple(common),
        used=used,
    )
