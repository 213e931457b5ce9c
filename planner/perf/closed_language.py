"""What N users of a language engine see that each wait for their answer: a closed loop.

All N requests are at the engine all the time. One step gives every one of them a
token, so of a measured load curve (`planner.domain.profiles.LoadCurve`), with c in
flight, P prompt and O output tokens,

    gap(c)    time between two tokens, (e2e - ttft) / (O - 1). Linear in c: everybody's
              cache is read and everybody's prompts are worked on once each answer
              (`planner.perf.roofline`). Beyond the measured loads by the last two
    ttft(c)   linear in gap(c): a prompt waits for steps. Beyond the measured loads
              ttft(last) + STEPS · (gap(c) - gap(last))
    rate      c / (ttft(c) + (O - 1) · gap(c))           (Little 1961)

The gap is taken from whole answers, which every tool states alike, whatever it calls
TPOT: GuideLLM's `time_per_output_token_ms` divides the whole answer's time by O.

Nothing is said of more than BEYOND times the most requests that were measured, nor
beyond a single measured load. How far off: `tests/bench/vllm_sweeps.py`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.profiles import LoadCurve
from planner.errors import OutsideProfileError
from planner.perf.service import Floats

# Half a step until the one at work ends, the one that is scheduled already, and the
# prompt's own: as `planner.simulate.engine` has it of vLLM's asynchronous scheduling.
STEPS: Final = 2.5
BEYOND_RATIO: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Medians of what each of so many users sees, and what they get together."""

    users: float
    ttft_s: float
    gap_s: float
    answer_s: float

    @property
    def rate_rps(self) -> float:
        """Answers per second, by Little's law."""
        return self.users / self.answer_s


def predict_users(curve: LoadCurve, users: float) -> Users:
    """Medians with so many requests in flight all the time.

    Fewer than were measured see what the lowest load saw.

    Raises:
        OutsideProfileError: More users than the measured loads say anything of.
    """
    in_flight, gap_s, ttft_s = _measured(curve)
    most = float(in_flight[-1])
    limit = most * (BEYOND_RATIO if len(in_flight) > 1 else 1.0)
    if users > limit * (1 + 1e-9):
        raise OutsideProfileError(
            f"{curve.model} on {curve.device}: measured with up to {most:.3g} requests "
            f"at once, which says nothing of {users:.3g}; measure under more load"
        )
    if users <= most:
        gap = float(np.interp(users, in_flight, gap_s))
        first = float(np.interp(users, in_flight, ttft_s))
    else:
        per_user_s = (gap_s[-1] - gap_s[-2]) / (in_flight[-1] - in_flight[-2])
        more_s = max(float(per_user_s), 0.0) * (users - most)
        gap, first = float(gap_s[-1]) + more_s, float(ttft_s[-1]) + STEPS * more_s
    return Users(
        users=users,
        ttft_s=first,
        gap_s=gap,
        answer_s=first + (curve.output_tokens - 1) * gap,
    )


def gaps_s(curve: LoadCurve) -> Floats:
    """Median time between two tokens at each measured load."""
    further = max(curve.output_tokens - 1, 1)
    return np.array([(p.e2e_p50_s - p.ttft_p50_s) / further for p in curve.points])


def _measured(curve: LoadCurve) -> tuple[Floats, Floats, Floats]:
    """Requests in flight, ascending, with the gap and TTFT; one of equal loads."""
    points = curve.points
    in_flight, where = np.unique([p.concurrency for p in points], return_index=True)
    return (
        in_flight,
        gaps_s(curve)[where],
        np.array([p.ttft_p50_s for p in points])[where],
    )
