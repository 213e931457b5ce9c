"""What is paid by request, and how many requests one may send."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTariff:
    """A model behind somebody else's API, paid by the token; None: no limit stated.

    `serves` is the vendor's own name of the model.
    """

    serves: str
    usd_per_million_prompt_tokens: float
    usd_per_million_output_tokens: float
    most_requests_per_min: float | None = None
    most_tokens_per_min: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTariff:
    """A serverless function: an instance a request, paid while it runs.

    A request is billed for at least `least_billed_s`, in whole steps of
    `billed_step_s`; the share `cold_start_frac` of requests waits for an instance
    to start, which is billed too. At most `most_concurrent` run at once.
    `runs_like_error_frac` is how much slower it may be than the device it is
    said to run like (90 %), beyond that device's own band.
    """

    memory_gib: float
    usd_per_gib_s: float
    usd_per_million_requests: float
    least_billed_s: float
    billed_step_s: float
    cold_start_s: float
    cold_start_frac: float
    runs_like_error_frac: float
    most_concurrent: int | None = None


Tariff = TokenTariff | FunctionTariff
