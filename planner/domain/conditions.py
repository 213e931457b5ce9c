"""Under what conditions something was measured: who else was at work, clock, heat, energy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the machine did meanwhile; None where it does not say.

    `stolen_frac` of its processor time a hypervisor gave to others, `others_frac` other
    programs of this system took. `clock_ratio` is the fastest over the slowest clock of
    a processor seen; `n_heat_throttles` how often it slowed down for its heat.
    `quota_waits_frac` is the share of a quota's periods in which it held the trial back.
    `drift_ratio` is the largest change of any batch size's median from the first third
    of the time to the last. `rested_s` is what the smallest batch took longer, in the
    median, after a pause than right after another one. `energy_words` says what metered `energy_j` of the points, or
    why nothing did.
    """

    cold_start_s: float | None = None
    stolen_frac: float | None = None
    others_frac: float | None = None
    clock_ratio: float | None = None
    n_heat_throttles: int | None = None
    quota_waits_frac: float | None = None
    drift_ratio: float | None = None
    rested_s: float | None = None
    energy_words: str = "not metered"
