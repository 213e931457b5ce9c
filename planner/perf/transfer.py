"""A model's time on a device where only other models were measured.

From its time on another device, and the models that were measured on both:

    ln t[there, m] - ln t[here, m]  =  g(ln t[here, m], ln operations[m], ln parameters[m])

with g learned from the common models by `kriging.py`. A line in ln t[here] alone is
its simplest case, and what remains where operations are not stated: on the published
tables the left-out error then more than triples (`tests/bench/prediction.py`).

"No" is an answer: with fewer than MIN_COMMON models in common, or for a model whose
time here lies more than BEYOND_RATIO outside theirs, nothing is predicted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.operations import Operations, family
from planner.domain.predictions import Refused
from planner.perf.kriging import Estimate, Site, estimate

# Fewer leave nothing to measure the error with.
MIN_COMMON: Final = 8
# Half of what separates the smallest and the largest published model in size.
BEYOND_RATIO: Final = 3.0
INTERVAL_FRAC: Final = 0.9

Seconds = Mapping[str, float]  # by model
Known = Mapping[str, Operations]  # by model


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """A predicted time, its 90 % interval, and its one-sided 90 % error band.

    `common` are the models that were measured on both devices.
    """

    p50_s: float
    low_s: float
    high_s: float
    error_frac: float
    ratio: float
    common: tuple[str, ...]
    used_operations: bool


def transferred(
    model: str, here: Seconds, there: Seconds, operations: Known
) -> Transferred | Refused:
    """The model's time there; `here` holds it, `there` need not.

    A time of the model that is in `there` is not looked at.
    """
    common = _common(model, here, there, operations)
    uses = model in operations and len(common) >= MIN_COMMON
    if not uses:
        common = [m for m in here if m in there and m != model]
    if len(common) < MIN_COMMON:
        return Refused(
            reason=f"{len(common)} other models are known both there and where this one "
            f"was measured, and {MIN_COMMON} are needed to tell how far off a prediction "
            "is: measure it there, planner profile",
            n_common=len(common),
        )
    beyond = _beyond(here[model], [here[m] for m in common])
    if beyond > BEYOND_RATIO:
        return Refused(
            reason=f"its time lies a factor of {beyond:.1f} outside those of the "
            "models that were measured on both devices",
            n_common=len(common),
        )

    def site(name: str) -> Site:
        return _site(name, here[name], operations[name] if uses else None)

    answer = estimate(
        [site(m) for m in common],
        [math.log(there[m] / here[m]) for m in common],
        site(model),
        # Without operations no family is known to behave alike.
        kin_alike=uses,
    )
    return _told(here[model], answer, common, uses=uses)


def _common(
    model: str, here: Seconds, there: Seconds, operations: Known
) -> list[str]:  # fmt: skip
    return [m for m in here if m in there and m in operations and m != model]


def _beyond(time_s: float, known_s: Sequence[float]) -> float:
    return max(min(known_s) / time_s, time_s / max(known_s), 1.0)


def _site(name: str, time_s: float, stated: Operations | None) -> Site:
    x = math.log(time_s)
    if stated is None:
        return Site(x=(x,), family=family(name))
    macs = stated.macs or stated.parameters
    return Site(x=(x, math.log(macs), math.log(stated.parameters)), family=family(name))


def _told(
    time_s: float, answer: Estimate, common: Sequence[str], *, uses: bool
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
        used_operations=uses,
    )
