"""What is paid by request: where it can be had, what is known of it, what a request costs.

A hosted model's times are those that the document states. A function runs like the
device that the document names, and says so: its times are that device's, mapped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Offer, Purchase
from planner.domain.profiles import (
    BatchProfile,
    HostedTimes,
    Profile,
    Quality,
    StatedTimes,
)
from planner.domain.tariffs import FunctionTariff, Tariff, TokenTariff
from planner.domain.variants import Precision, Runtime, Variant
from planner.domain.workloads import Workload
from planner.perf.functions import billed_s
from planner.specs.by_request import Function, HostedApi, HostedModel, Serverless
from planner.specs.deployment import Deployment
from planner.units import BYTES_PER_GIB, seconds

MILLION = 1e6
HOSTED = Variant(precision=Precision.UNSTATED, runtime=Runtime.HOSTED)


def hosted_offers(site: HostedApi) -> Iterable[Offer]:
    """One offer for each model behind the API."""
    for model in site.models:
        yield Offer(
            name=_hosted_name(site, model),
            provider=site.provider,
            site=site.name,
            instance_type=model.serves,
            device=_hosted_name(site, model),
            device_count=1,
            purchase=Purchase.BY_REQUEST,
            price_usd_per_h=0.0,
            price_source=model.source,
            price_as_of=model.as_of,
            tariff=TokenTariff(
                serves=model.serves,
                usd_per_million_prompt_tokens=model.usd_per_million_prompt_tokens,
                usd_per_million_output_tokens=model.usd_per_million_output_tokens,
                most_requests_per_min=model.most_requests_per_min,
                most_tokens_per_min=model.most_tokens_per_min,
            ),
        )


def _hosted_name(site: HostedApi, model: HostedModel) -> str:
    return f"{site.name}/{model.serves}/by_request"


def function_offer(site: Serverless, function: Function) -> Offer:
    """The function as an offer."""
    return Offer(
        name=f"{site.provider}/{site.region}/{function.name}/by_request",
        provider=site.provider,
        site=site.region,
        instance_type=function.name,
        device=function.runs_like,
        device_count=1,
        purchase=Purchase.BY_REQUEST,
        price_usd_per_h=0.0,
        price_source=function.source,
        price_as_of=function.as_of,
        memory_bytes=function.memory_gib * BYTES_PER_GIB,
        tariff=FunctionTariff(
            memory_gib=function.memory_gib,
            usd_per_gib_s=function.usd_per_gib_s,
            usd_per_million_requests=function.usd_per_million_requests,
            least_billed_s=seconds(function.least_billed_ms),
            billed_step_s=seconds(function.billed_step_ms),
            cold_start_s=seconds(function.cold_start_ms),
            cold_start_frac=function.cold_start_frac,
            runs_like_error_frac=function.runs_like_error_frac,
            most_concurrent=function.most_concurrent,
        ),
    )


def with_hosted(
    spec: Deployment, known: Mapping[str, tuple[Profile, ...]]
) -> dict[str, tuple[Profile, ...]]:
    """What is known of each model, and the times that its hosts state."""
    found = dict(known)
    for site in spec.hosted_apis():
        for model in site.models:
            profile = _hosted_times(site, model)
            found[model.model] = (*found.get(model.model, ()), profile)
    return found


def _hosted_times(site: HostedApi, model: HostedModel) -> HostedTimes:
    stated = model.quality
    return HostedTimes(
        model=model.model,
        variant=HOSTED,
        device=_hosted_name(site, model),
        times=tuple(
            StatedTimes(
                percentile_frac=t.percentile / 100,
                ttft_s=seconds(t.ttft_ms),
                tpot_s=seconds(t.tpot_ms),
            )
            for t in model.times
        ),
        evidence=Evidence(
            provenance=Provenance(model.provenance),
            source=model.source,
            as_of=model.as_of,
            error_frac=model.error_frac,
        ),
        quality=None
        if stated is None
        else Quality(
            metric=stated.metric, value_frac=stated.value_frac, source=model.source
        ),
    )


def as_run(profile: Profile, offer: Offer) -> Profile | None:
    """The profile as the offer runs it; None where it cannot.

    A function takes one request at a time, and is not the device it runs like.
    """
    tariff = offer.tariff
    if not isinstance(tariff, FunctionTariff):
        return profile
    if not isinstance(profile, BatchProfile):
        return None
    known = profile.evidence
    is_guess = known.provenance is Provenance.PREDICTED
    error = (1 + known.error_frac) * (1 + tariff.runs_like_error_frac) - 1
    words = f"the document has {offer.instance_type} run like {offer.device}"
    return replace(
        profile,
        evidence=replace(
            known,
            provenance=Provenance.PREDICTED if is_guess else Provenance.EMULATED,
            error_frac=error,
            note="; ".join(filter(None, [known.note, words])),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One kind of thing that a request uses up, and its price."""

    per_request: float
    unit: str
    usd_per_unit: float
    price: str

    @property
    def usd_per_request(self) -> float:
        """What a request costs for it."""
        return self.per_request * self.usd_per_unit


def charges(
    tariff: Tariff | None, workload: Workload, profile: Profile, error_factor: float
) -> tuple[Charge, ...]:
    """Everything that a request is charged for; nothing where machines are paid."""
    if isinstance(tariff, TokenTariff):
        return tuple(_token_charges(tariff, workload))
    if isinstance(tariff, FunctionTariff) and isinstance(profile, BatchProfile):
        return tuple(_function_charges(tariff, profile, error_factor))
    return ()


def _token_charges(tariff: TokenTariff, workload: Workload) -> Iterable[Charge]:
    for tokens, unit, usd in (
        (workload.prompt_tokens, "prompt", tariff.usd_per_million_prompt_tokens),
        (workload.output_tokens, "output", tariff.usd_per_million_output_tokens),
    ):
        yield Charge(
            per_request=(tokens or 0) / MILLION,
            unit=f"M {unit} tokens",
            usd_per_unit=usd,
            price=f"{usd:g} USD/M",
        )


def _function_charges(
    tariff: FunctionTariff, profile: BatchProfile, error_factor: float
) -> Iterable[Charge]:
    runs_s = billed_s(profile, tariff, error_factor=error_factor)
    yield Charge(
        per_request=1 / MILLION,
        unit="M calls",
        usd_per_unit=tariff.usd_per_million_requests,
        price=f"{tariff.usd_per_million_requests:g} USD/M",
    )
    yield Charge(
        per_request=tariff.memory_gib * runs_s,
        unit=f"GiB·s ({runs_s:.3g} s × {tariff.memory_gib:g} GiB a call)",
        usd_per_unit=tariff.usd_per_gib_s,
        price=f"{tariff.usd_per_gib_s:g} USD/GiB·s",
    )


def tokens(workload: Workload) -> float:
    """Tokens of a request, in and out."""
    return float((workload.prompt_tokens or 0) + (workload.output_tokens or 0))
