"""How figures read: no renderer rounds.

Rounding never flatters: a latency is rounded up, a probability down, and a change
that would make a spec feasible is rounded away from where the spec stands. Amounts
that stand above their total are rounded together, in `planner.report.adding`.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from planner.domain.evidence import Provenance
from planner.domain.hardware import Purchase
from planner.domain.quality import LIKELIHOOD
from planner.domain.variants import SparsityPattern
from planner.report.adding import CENT_DECIMALS, fixed, half_up
from planner.specs.placements import PlanVariant
from planner.units import BYTES_PER_GIB, MS_PER_S

NOTHING: Final = "—"
# Three digits say all that a prediction with an error band of percents can.
SIGNIFICANT_DIGITS: Final = 3
# Sums of floats carry noise in the sixteenth digit; it must not turn 78 into 78.1.
FLOAT_NOISE_FRAC: Final = 1e-9
# Embedding, override and isolate signs: they reorder the text around them.
BIDI_CONTROLS: Final = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# The no-break space, and where it belongs: 120 ms, 10 %, 2 × c7g.large, batch ≤ 8.
GLUE: Final = "\u00a0"
GLUED: Final = re.compile(r"(?<=[×≤]) | (?=(?:%|ms|s|GiB|×|≤)(?!\w))")

PROVENANCE_WORDS: Final = {
    Provenance.MEASURED: "measured on your model",
    Provenance.EXPORTED: "imported from a user's export",
    Provenance.IMPORTED: "imported from another program",
    Provenance.PUBLISHED: "published measurement",
    Provenance.EMULATED: "emulated",
    Provenance.PREDICTED: "predicted",
}
PROVENANCE_MEANING: Final = {
    Provenance.MEASURED: "timed on this device, by you",
    Provenance.EXPORTED: "timed by planner profile on what its owner says is this device",
    Provenance.IMPORTED: "timed on this device by the program whose file was imported",
    Provenance.PUBLISHED: "someone else timed it on this device; the source is cited",
    Provenance.EMULATED: "timed on another machine and mapped to this device",
    Provenance.PREDICTED: "computed from times elsewhere or from specifications, not timed there",
}
PURCHASE_WORDS: Final = {
    Purchase.ON_DEMAND: "on demand",
    Purchase.SPOT: "spot",
    Purchase.OWNED: "owned",
    Purchase.BY_REQUEST: "by request",
}


def clean(text: str) -> str:
    r"""The text on one line, without signs that steer a terminal or reorder a line.

    Example:
        >>> clean("shop\x1b[31m\n two")
        'shop�[31m two'
    """
    one_line = BIDI_CONTROLS.sub("", " ".join(text.split()))
    return "".join("�" if unicodedata.category(c) == "Cc" else c for c in one_line)


def glued(text: str) -> str:
    r"""The text with no-break spaces between a number and its unit.

    Example:
        >>> glued("wait ≤ 4 ms")
        'wait\xa0≤\xa04\xa0ms'
    """
    return GLUED.sub(GLUE, text)


def usd(amount: float | None) -> str:
    """Dollars and cents, for columns that name the currency.

    Example:
        >>> usd(1234.5), usd(None)
        ('1,234.50', '—')
    """
    if amount is None:
        return NOTHING
    if not math.isfinite(amount):
        return "unbounded"
    return fixed(half_up(Fraction(amount) * 10**CENT_DECIMALS), CENT_DECIMALS)


def dollars(amount: float | None) -> str:
    """Dollars and cents, for sentences.

    Example:
        >>> dollars(1234.5)
        '$1,234.50'
    """
    words = usd(amount)
    return f"${words}" if words[0].isdigit() else words


def usd_per_h(price: float) -> str:
    """An hourly price; cents are too coarse for small machines.

    Example:
        >>> usd_per_h(0.0336), usd_per_h(12.0)
        ('0.0336', '12.0000')
    """
    return f"{price:,.4f}"


def number(value: float | None) -> str:
    """Three significant digits, or whole with separators from a thousand on.

    Example:
        >>> number(12.0), number(0.01234), number(1234.5)
        ('12', '0.0123', '1,234')
    """
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "unbounded"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{SIGNIFICANT_DIGITS}g}"


def exact(value: float) -> str:
    """A number somebody chose, as they chose it.

    Example:
        >>> exact(120.0), exact(0.125), exact(12345.678)
        ('120', '0.125', '12,345.678')
    """
    return f"{value:,.10g}"


def latency(value_ms: float | None) -> str:
    """A predicted time, rounded up: 120.04 ms does not keep a promise of 120.

    Example:
        >>> latency(77.21), latency(120.04), latency(1250.0), latency(float("inf"))
        ('77.3 ms', '121 ms', '1.25 s', 'unbounded')
    """
    if value_ms is None:
        return NOTHING
    if not math.isfinite(value_ms):
        return "unbounded"
    if _up(value_ms) >= MS_PER_S:
        return f"{number(_up(value_ms / MS_PER_S))} s"
    return f"{number(_up(value_ms))} ms"


def limit(value_ms: float | None) -> str:
    """A promised time, as it was promised.

    Example:
        >>> limit(120.0), limit(1500.0), limit(None)
        ('120 ms', '1.5 s', '—')
    """
    if value_ms is None:
        return NOTHING
    if value_ms >= MS_PER_S:
        return f"{exact(value_ms / MS_PER_S)} s"
    return f"{exact(value_ms)} ms"


def _up(value: float) -> float:
    """The next number of three significant digits (whole from a thousand on)."""
    return _away(value, up=True, digits=SIGNIFICANT_DIGITS)


def _away(value: float, *, up: bool, digits: int) -> float:
    """Rounded up or down to so many significant digits, units at the coarsest."""
    if value == 0:
        return 0.0
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    scaled = Fraction(value) * 10**decimals
    noise = abs(scaled) * Fraction(FLOAT_NOISE_FRAC)
    steps = math.ceil(scaled - noise) if up else math.floor(scaled + noise)
    return float(Fraction(steps, 10**decimals))


def beyond(start: float | None, to: float, *, unit: str) -> str:
    """Where a limit must move, rounded on in the direction of the move.

    Example:
        >>> beyond(100.0, 183.4512, unit="usd_per_month")
        '183.46'
        >>> beyond(0.8, 0.71888, unit="frac")
        '0.7188'
    """
    up = start is None or to >= start
    if unit.startswith("usd"):
        cents = Fraction(to) * 10**CENT_DECIMALS
        noise = abs(cents) * Fraction(FLOAT_NOISE_FRAC)
        count = math.ceil(cents - noise) if up else math.floor(cents + noise)
        return fixed(count, CENT_DECIMALS)
    return exact(_away(to, up=up, digits=SIGNIFICANT_DIGITS + 1))


def share(frac: float | None) -> str:
    """A part of a whole, to the nearest tenth of a percent.

    Example:
        >>> share(0.5), share(1 / 3), share(0.0001), share(0.99999)
        ('50 %', '33.3 %', '< 0.1 %', '> 99.9 %')
    """
    return _percent(frac, Fraction(1, 2))


def surely(frac: float | None) -> str:
    """A probability or an attainment, rounded down; no prediction is a certainty.

    Example:
        >>> surely(0.9499), surely(0.95), surely(1.0), surely(0.99999)
        ('94.9 %', '95 %', '> 99.9 %', '> 99.9 %')
    """
    if frac is not None and frac > 0.999:
        return "> 99.9 %"
    return _percent(frac, Fraction(FLOAT_NOISE_FRAC))


def _percent(frac: float | None, carry: Fraction) -> str:
    if frac is None:
        return NOTHING
    if 0 < frac < 0.001:
        return "< 0.1 %"
    if 0.999 < frac < 1:
        return "> 99.9 %"
    tenths = math.floor(Fraction(frac) * 1000 + carry)
    return f"{fixed(tenths, 1).removesuffix('.0')} %"


def gib(size_bytes: float | None) -> str:
    """A memory size.

    Example:
        >>> gib(17179869184.0), gib(None)
        ('16 GiB', '—')
    """
    return (
        NOTHING if size_bytes is None else f"{number(size_bytes / BYTES_PER_GIB)} GiB"
    )


def rate(rate_rps: float) -> str:
    """Requests per second.

    Example:
        >>> rate(12.0)
        '12/s'
    """
    return f"{number(rate_rps)}/s"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "machine"), counted(3, "machine")
        ('1 machine', '3 machines')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """Words in a row.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def sentence(words: str) -> str:
    """Words that begin small and end without a stop, as a sentence.

    Example:
        >>> sentence("prices are of today")
        'Prices are of today.'
    """
    return f"{words[:1].upper()}{words[1:]}."


def quality(value: float | None) -> str:
    """A score: fractions as percent, anything else as it stands.

    Example:
        >>> quality(0.7188), quality(23.5)
        ('71.88 %', '23.5')
    """
    if value is None:
        return NOTHING
    return f"{value:.2%}".replace("%", " %") if 0 <= value <= 1 else number(value)


def score(metric: str, value: float) -> str:
    """A score, and what a language model's is better known by.

    Example:
        >>> score("top1_accuracy", 0.7188), score("token_likelihood", 1 / 12.3)
        ('71.88 %', '8.13 %, perplexity 12.3')
    """
    if metric != LIKELIHOOD or value <= 0:
        return quality(value)
    return f"{quality(value)}, perplexity {number(1 / value)}"


def variant(how: PlanVariant) -> str:
    """Precision, sparsity and runtime.

    Example:
        >>> from planner.domain.variants import Precision, Runtime
        >>> INT8, TORCH = Precision.INT8, Runtime.TORCH
        >>> variant(PlanVariant(precision=INT8, sparsity_frac=0.5, runtime=TORCH))
        'int8, 50 % sparse, on torch'
    """
    sparse = f", {share(how.sparsity_frac)} sparse," if how.sparsity_frac else ""
    if how.sparsity_pattern is SparsityPattern.TWO_OF_FOUR:
        sparse = f", {how.sparsity_pattern} sparse,"
    return f"{how.precision}{sparse} on {how.runtime}"


def known(provenance: Provenance, error_frac: float) -> str:
    """How a figure is known, and how far it may be off.

    Example:
        >>> known(Provenance.EMULATED, 0.25)
        'emulated, error up to 25 %'
    """
    return f"{PROVENANCE_WORDS[provenance]}, error up to {share(error_frac)}"
