"""The terms of what is paid by request, as the plan document states them."""

from planner.domain.placement import Assignment
from planner.domain.profiles import BatchProfile
from planner.domain.tariffs import FunctionTariff, TokenTariff
from planner.perf.functions import billed_s
from planner.pipeline.asking.by_request import charges
from planner.pipeline.asking.options import Option
from planner.specs.placements import FunctionTerms, HostedTerms
from planner.units import milliseconds


def terms(a: Assignment, option: Option) -> HostedTerms | FunctionTerms | None:
    """None where machines are paid for."""
    tariff, profile = a.candidate.offer.tariff, option.profile
    usd_per_request = sum(
        c.usd_per_request
        for c in charges(tariff, option.workload, profile, option.error_factor)
    )
    if isinstance(tariff, TokenTariff):
        return HostedTerms(
            serves=tariff.serves,
            usd_per_million_prompt_tokens=tariff.usd_per_million_prompt_tokens,
            usd_per_million_output_tokens=tariff.usd_per_million_output_tokens,
            usd_per_request=usd_per_request,
            most_requests_per_min=tariff.most_requests_per_min,
            most_tokens_per_min=tariff.most_tokens_per_min,
        )
    if isinstance(tariff, FunctionTariff) and isinstance(profile, BatchProfile):
        billed = billed_s(profile, tariff, error_factor=option.error_factor)
        return FunctionTerms(
            runs_like=a.candidate.offer.device,
            memory_gib=tariff.memory_gib,
            billed_ms=milliseconds(billed),
            usd_per_gib_s=tariff.usd_per_gib_s,
            usd_per_million_requests=tariff.usd_per_million_requests,
            usd_per_request=usd_per_request,
            cold_start_ms=milliseconds(tariff.cold_start_s),
            cold_start_frac=tariff.cold_start_frac,
            most_concurrent=tariff.most_concurrent,
        )
    return None
