"""Every figure the chosen plan rests on, each once, with source and date."""

from collections.abc import Iterable, Sequence

from planner.domain.evidence import Provenance
from planner.domain.profiles import BatchProfile, LoadCurve, Profile, Quality
from planner.domain.tariffs import TokenTariff
from planner.pipeline.asking.options import Option
from planner.pipeline.telling.bill import machine_words
from planner.reference.catalog import Catalog
from planner.specs.plan import EvidenceLine


def evidence(options: Sequence[Option], catalog: Catalog) -> tuple[EvidenceLine, ...]:
    """Evidence lines of the options, without repetition, in the options' order."""
    lines = (line for o in options for line in _lines(o, catalog))
    return tuple(dict.fromkeys(lines))


def _lines(option: Option, catalog: Catalog) -> Iterable[EvidenceLine]:
    profile, offer = option.profile, option.place.offer
    known = profile.evidence
    note = f"; {known.note}" if known.note else ""
    yield EvidenceLine(
        what=f"latency of {profile.model} as {profile.variant} on {_where(profile)}",
        provenance=known.provenance.value,
        source=known.source + note,
        as_of=known.as_of,
        error_frac=known.error_frac,
    )
    if isinstance(profile, BatchProfile) and profile.server is not None:
        cost = profile.server
        yield EvidenceLine(
            what=f"what a request costs {cost.server} on {profile.device}",
            provenance=cost.evidence.provenance.value,
            source=cost.evidence.source
            + (f"; {cost.evidence.note}" if cost.evidence.note else ""),
            as_of=cost.evidence.as_of,
            error_frac=cost.evidence.error_frac,
        )
    if profile.quality is not None:
        yield EvidenceLine(
            what=f"{profile.quality.metric} of {profile.model} as {profile.variant}",
            provenance=_graded(known.provenance, profile.quality).value,
            source=profile.quality.source + _beside_fp32(profile.quality),
            as_of=known.as_of,
        )
    yield EvidenceLine(
        what=f"price of {machine_words(offer)}",
        provenance=Provenance.PUBLISHED.value,
        source=offer.price_source,
        as_of=offer.price_as_of,
    )
    yield EvidenceLine(
        what=f"way from {option.workload.origin} to {offer.site}",
        provenance=(
            Provenance.PUBLISHED if option.path.rtt_s else Provenance.MEASURED
        ).value,
        source=option.path.source,
        as_of=offer.price_as_of,
    )
    if not option.place.is_edge and not isinstance(offer.tariff, TokenTariff):
        _, source = catalog.egress_usd_per_gb(offer.provider, offer.site)
        yield EvidenceLine(
            what=f"egress price of {offer.provider} {offer.site}",
            provenance=Provenance.PUBLISHED.value,
            source=source,
            as_of=offer.price_as_of,
        )


def _where(profile: Profile) -> str:
    if isinstance(profile, LoadCurve) and profile.host is not None:
        return f"{profile.device} beside {profile.host}"
    return profile.device


def _graded(known: Provenance, quality: Quality) -> Provenance:
    """How a score is known: it hangs on no device, so it is none that was mapped there."""
    if known is Provenance.EMULATED or (
        known is Provenance.PREDICTED and quality.drop is not None
    ):
        return Provenance.MEASURED
    return known


def _beside_fp32(quality: Quality) -> str:
    drop = quality.drop
    if drop is None:
        return ""
    return (
        f"; {drop.n_flips} answers differ from fp32's, {drop.n_right_to_wrong} of them "
        f"lost and {drop.n_wrong_to_right} won: {100 * drop.drop_frac:.2f} % less, 95 % interval "
        f"{100 * drop.low_frac:.2f} to {100 * drop.high_frac:.2f} %"
    )
