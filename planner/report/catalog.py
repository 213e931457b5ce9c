"""The catalogue as tables: devices, offers, models, profiles and access networks.

Every row names its source, by number, and its date; what no source states reads "—".
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

from planner.domain.hardware import Device, Offer
from planner.domain.profiles import (
    BatchProfile,
    LoadCurve,
    Profile,
    Quality,
    TokenRates,
)
from planner.report.sentences import (
    NOTHING,
    PURCHASE_WORDS,
    gib,
    latency,
    number,
    rate,
    score,
    share,
    usd,
    usd_per_h,
)
from planner.report.tables import Table, table, told_table
from planner.units import BITS_PER_BYTE, milliseconds

GIGA: Final = 1e9
TERA: Final = 1e12
MEGA: Final = 1e6
_WATTS: Final = "Watts: idle to busy."
_TAKEN_BACK: Final = (
    "Taken back: by the provider, at most so many of the machines a month."
)
_ALL_SOURCES: Final = (
    "All that is known of one, every source: planner catalog devices NAME"
)


class Published(Protocol):
    """A model that others measured."""

    @property
    def name(self) -> str:
        """As a spec names it."""

    @property
    def task(self) -> str:
        """What it does."""

    @property
    def metric(self) -> str:
        """The word its qualities are stated in; empty where none is."""

    @property
    def description(self) -> str:
        """In a few words."""

    @property
    def source(self) -> str:
        """Who says so."""


class Access(Protocol):
    """A typical way from a user to the internet."""

    @property
    def name(self) -> str:
        """As a spec names it."""

    @property
    def description(self) -> str:
        """In a few words."""

    @property
    def rtt_s(self) -> float:
        """Round trip to the provider's edge."""

    @property
    def down_bytes_per_s(self) -> float:
        """Towards the user."""

    @property
    def up_bytes_per_s(self) -> float:
        """From the user."""

    @property
    def source(self) -> str:
        """Who says so."""

    @property
    def as_of(self) -> dt.date:
        """The day the figures are from."""


def devices_table(devices: Iterable[Device]) -> Table:
    """Kinds of hardware, one a row."""
    listed = tuple(devices)
    sources = _Sources.of(d.source for d in listed)
    rows = [
        (
            d.name,
            d.kind,
            number(d.cores),
            gib(d.memory_bytes),
            _scaled(d.memory_bytes_per_s, GIGA),
            _scaled(d.fp16_flop_per_s, TERA),
            _scaled(d.int8_op_per_s, TERA),
            _watts(d),
            sources.number(d.source),
            d.as_of.isoformat(),
        )
        for d in listed
    ]
    return table(
        "Devices",
        [
            *("Device", "Kind", ">Cores", ">Memory", ">GB/s", ">fp16 TFLOP/s"),
            *(">int8 TOP/s", ">Watts", ">Source", "As of"),
        ],
        rows,
        footnotes=(*((_WATTS,) if rows else ()), *sources.told()),
    )


def device_detail(device: Device) -> Table:
    """All that is known of one kind of hardware."""
    d = device
    facts = (
        ("Description", d.description),
        ("Kind", d.kind.value),
        ("Architecture", d.architecture or NOTHING),
        ("Cores", number(d.cores)),
        ("Memory", gib(d.memory_bytes)),
        ("Memory bandwidth, GB/s", _scaled(d.memory_bytes_per_s, GIGA)),
        ("Peak fp32, TFLOP/s", _scaled(d.fp32_flop_per_s, TERA)),
        ("Peak fp16, TFLOP/s", _scaled(d.fp16_flop_per_s, TERA)),
        ("Peak int8, TOP/s", _scaled(d.int8_op_per_s, TERA)),
        ("Idle to busy, W", _watts(d)),
        ("Price to buy, USD", usd(d.capex_usd)),
        ("Source", d.source),
        ("As of", d.as_of.isoformat()),
    )
    return table(d.name, ["Fact", "Value"], facts)


def offers_table(offers: Iterable[Offer]) -> Table:
    """Machines that can be had, one a row."""
    listed = tuple(offers)
    sources = _Sources.of(o.price_source for o in listed)
    rows = [
        (
            o.instance_type,
            f"{o.provider} {o.site}",
            f"{o.device_count:,} × {o.device}",
            number(o.vcpus),
            gib(o.memory_bytes),
            PURCHASE_WORDS[o.purchase],
            usd_per_h(o.price_usd_per_h),
            share(o.interruption_frac_per_month),
            sources.number(o.price_source),
            o.price_as_of.isoformat(),
        )
        for o in listed
    ]
    return table(
        "Offers",
        [
            *("Machine", "Where", "Devices", ">vCPUs", ">Memory", "Purchase", ">USD/h"),
            *(">Taken back", ">Price from", "As of"),
        ],
        rows,
        footnotes=(*((_TAKEN_BACK,) if rows else ()), *sources.told()),
    )


def models_table(models: Iterable[Published]) -> Table:
    """Models that others measured, one a row."""
    listed = tuple(models)
    sources = _Sources.of(m.source for m in listed)
    rows = [
        (
            m.name,
            m.task,
            m.metric or NOTHING,
            m.description,
            sources.number(m.source),
        )
        for m in listed
    ]
    return table(
        "Published models",
        ["Model", "Task", "Quality in", "Description", ">Source"],
        rows,
        footnotes=sources.told(),
    )


def profiles_table(profiles: Sequence[Profile]) -> Table:
    """What variants did on devices, one a row."""
    sources = _Sources.of(p.evidence.source for p in profiles)
    return told_table(
        "Profiles",
        {
            "Variant": [str(p.variant) for p in profiles],
            "What it did": [did(p) for p in profiles],
            "Quality": [_score(p.quality) for p in profiles],
            ">Error up to": [share(p.evidence.error_frac) for p in profiles],
            ">Source": [sources.number(p.evidence.source) for p in profiles],
        },
        of={
            "Model": [p.model for p in profiles],
            "Device": [_count(p) for p in profiles],
            "Provenance": [p.evidence.provenance for p in profiles],
            "As of": [p.evidence.as_of.isoformat() for p in profiles],
        },
        footnotes=sources.told(),
    )


def _count(p: Profile) -> str:
    return f"{p.device_count:,} × {p.device}" if p.device_count > 1 else p.device


def did(profile: Profile) -> str:
    """What a profile says, in a line."""
    if isinstance(profile, BatchProfile):
        first, last = profile.points[0], profile.points[-1]
        words = f"{latency(milliseconds(first.p50_s))} for {first.batch}"
        if last.batch > first.batch:
            words += f", {latency(milliseconds(last.p50_s))} for {last.batch}"
        return words
    if isinstance(profile, LoadCurve):
        most = profile.points[-1]
        return (
            f"{rate(most.rate_rps)} of {profile.prompt_tokens:,}+"
            f"{profile.output_tokens:,} tokens at TTFT p95 "
            f"{latency(milliseconds(most.ttft_p95_s))}, TPOT p95 "
            f"{latency(milliseconds(most.tpot_p95_s))}"
        )
    if isinstance(profile, TokenRates):
        return (
            f"reads {number(profile.prompt_tokens_per_s)} and writes "
            f"{number(profile.output_tokens_per_s)} tokens/s"
        )
    slowest = profile.times[-1]
    return (
        f"TTFT {latency(milliseconds(slowest.ttft_s))} and TPOT "
        f"{latency(milliseconds(slowest.tpot_s))} at the "
        f"{slowest.percentile_frac * 100:g}th percentile"
    )


def access_table(networks: Iterable[Access]) -> Table:
    """Typical access networks, one a row."""
    listed = tuple(networks)
    sources = _Sources.of(n.source for n in listed)
    rows = [
        (
            n.name,
            n.description,
            latency(milliseconds(n.rtt_s)),
            _mbps(n.down_bytes_per_s),
            _mbps(n.up_bytes_per_s),
            sources.number(n.source),
            n.as_of.isoformat(),
        )
        for n in listed
    ]
    return table(
        "Access networks",
        [
            *("Network", "Description", ">Round trip", ">Down, Mbit/s"),
            *(">Up, Mbit/s", ">Source", "As of"),
        ],
        rows,
        footnotes=sources.told(),
    )


def _scaled(value: float | None, size: float) -> str:
    return NOTHING if value is None else number(value / size)


def _mbps(bytes_per_s: float) -> str:
    return number(bytes_per_s * BITS_PER_BYTE / MEGA)


def _watts(device: Device) -> str:
    if device.idle_w is None and device.active_w is None:
        return NOTHING
    return f"{number(device.idle_w)} to {number(device.active_w)}"


def _score(found: Quality | None) -> str:
    if found is None:
        return NOTHING
    return f"{found.metric} {score(found.metric, found.value_frac)}"


@dataclass(frozen=True, slots=True)
class _Sources:
    """The sources of a table's rows, each told once below it."""

    listed: tuple[str, ...]

    @classmethod
    def of(cls, sources: Iterable[str]) -> Self:
        """In the order of the rows."""
        return cls(tuple(dict.fromkeys(sources)))

    def number(self, source: str) -> str:
        """What stands for it in its row."""
        return f"[{self.listed.index(source) + 1}]"

    def told(self) -> tuple[str, ...]:
        """The footnotes; of an empty list that it is one."""
        if not self.listed:
            return ("Nothing matches.",)
        return tuple(f"{self.number(source)} {source}" for source in self.listed)
