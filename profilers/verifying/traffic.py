"""What the user wants sent, and what is sent where they leave it open."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from planner.domain.profiling import UserModel
from profilers.verifying.arrivals import Timed

DEFAULT_LENGTH_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What to send; None: the plan's rate, and payloads from the model or made up.

    `timed` requests take the place of a Poisson stream. A language model is asked for
    under `served_model`, or one of `served_names` (the plan's own). With `then_alone`
    requests are sent one by one after it all, which say what the server itself takes.
    """

    length_s: float = DEFAULT_LENGTH_S
    rate_rps: float | None = None
    timed: Timed | None = None
    timeout_s: float | None = None
    served_model: str | None = None
    served_names: Sequence[str] = ()
    inputs: Path | None = None
    model: UserModel | None = None
    seed: int = 0
    then_alone: bool = False
