"""The catalogue as tables: devices, offers, models, profiles and access networks.

Every row names its source and date; what no source states reads "—".
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

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
from planner.report.tables import Table, table
from planner.units import BITS_PER_BYTE, milliseconds

GIGA: Final = 1e9
TERA: Final = 1e12
MEGA: Final = 1e6


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
            d.source,
            d.as_of.isoformat(),
        )
        for d in devices
    ]
    return table(
        "Devices",
        [
            *("Device", "Kind", ">Cores", ">Memory", ">GB/s", ">fp16 TFLOP/s"),
            *(">int8 TOP/s", ">Idle to busy, W", "Source", "As of"),
        ],
        rows,
        footnotes=_empty(rows),
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
            o.price_source,
            o.price_as_of.isoformat(),
        )
        for o in offers
    ]
    return table(
        "Offers",
        [
            *("Machine", "Where", "Devices", ">vCPUs", ">Memory", "Purchase", ">USD/h"),
            *(">Taken back a month, at most", "Price from", "As of"),
        ],
        rows,
        footnotes=_empty(rows),
    )


def models_table(models: Iterable[Published]) -> Table:
    """Models that others measured, one a row."""
    rows = [
        (m.name, m.task, m.metric or NOTHING, m.description, m.source) for m in models
    ]
    return table(
        "Published models",
        ["Model", "Task", "Quality in", "Description", "Source"],
        rows,
        footnotes=_empty(rows),
    )


def profiles_table(profiles: Sequence[Profile]) -> Table:
    """What variants did on devices, one a row."""
    rows = [
        (
            p.model,
            str(p.variant),
            f"{p.device_count:,} × {p.device}" if p.device_count > 1 else p.device,
            did(p),
            _score(p.quality),
            p.evidence.provenance,
            share(p.evidence.error_frac),
            p.evidence.source,
            p.evidence.as_of.isoformat(),
        )
        for p in profiles
    ]
    return table(
        "Profiles",
        [
            *("Model", "Variant", "Device", "What it did", ">Quality", "Provenance"),
            *(">Error up to", "Source", "As of"),
        ],
        rows,
        footnotes=_empty(rows),
    )


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
    rows = [
        (
            n.name,
            n.description,
            latency(milliseconds(n.rtt_s)),
            _mbps(n.down_bytes_per_s),
            _mbps(n.up_bytes_per_s),
            n.source,
            n.as_of.isoformat(),
        )
        for n in networks
    ]
    return table(
        "Access networks",
        [
            *("Network", "Description", ">Round trip", ">Down, Mbit/s"),
            *(">Up, Mbit/s", "Source", "As of"),
        ],
        rows,
        footnotes=_empty(rows),
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


def _empty(rows: Sequence[object]) -> tuple[str, ...]:
    """An empty list says so."""
    return () if rows else ("Nothing matches.",)
