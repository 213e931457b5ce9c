"""A price source without a cloud, for the tests of whoever uses one.

The types and regions are AWS's, so that catalogues know them; the prices are round
figures made up for tests, and every quote's source says so.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.errors import CloudError, SpecError, UnknownReferenceError
from planner.units import BYTES_PER_GIB

MADE_UP: Final = "made up for tests (cloud_adapters.fake)"
TAKEN_AT: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def made_up_quote(
    region: str,
    instance_type: str,
    *,
    vcpus: int,
    memory_gib: float,
    on_demand_usd_per_h: float,
    accelerator: str | None = None,
) -> InstanceQuote:
    """A quote with one accelerator or none, and spot at four tenths of on demand."""
    return InstanceQuote(
        provider="aws",
        region=region,
        instance_type=instance_type,
        vcpus=vcpus,
        memory_bytes=memory_gib * BYTES_PER_GIB,
        accelerator=accelerator,
        accelerator_count=1.0 if accelerator else 0.0,
        on_demand_usd_per_h=on_demand_usd_per_h,
        on_demand_source=MADE_UP,
        on_demand_as_of=TAKEN_AT.date(),
        spot_usd_per_h=0.4 * on_demand_usd_per_h,
        spot_source=MADE_UP,
        spot_as_of=TAKEN_AT.date(),
    )


QUOTES: Final = tuple(
    quote
    for region, markup_ratio in (("us-east-1", 1.0), ("eu-central-1", 1.25))
    for quote in (
        made_up_quote(
            region,
            "c7g.large",
            vcpus=2,
            memory_gib=4.0,
            on_demand_usd_per_h=0.08 * markup_ratio,
        ),
        made_up_quote(
            region,
            "m5.xlarge",
            vcpus=4,
            memory_gib=16.0,
            on_demand_usd_per_h=0.2 * markup_ratio,
        ),
        made_up_quote(
            region,
            "g6.xlarge",
            vcpus=4,
            memory_gib=16.0,
            on_demand_usd_per_h=0.8 * markup_ratio,
            accelerator="L4",
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakePrices:
    """Answers with `quotes`, or raises `failure` when it is asked.

    Example:
        >>> snapshot = FakePrices().fetch(["us-east-1"], on_progress=lambda line: None)
        >>> [quote.instance_type for quote in snapshot.quotes]
        ['c7g.large', 'm5.xlarge', 'g6.xlarge']
    """

    quotes: tuple[InstanceQuote, ...] = QUOTES
    taken_at: dt.datetime = TAKEN_AT
    failure: CloudError | None = None

    def fetch(
        self, regions: Sequence[str], *, on_progress: Callable[[str], None]
    ) -> PriceSnapshot:
        """The quotes of these regions.

        Raises:
            SpecError: No region was asked for.
            UnknownReferenceError: No quote is of that region.
            CloudError: The failure that this fake was given.
        """
        if not regions:
            raise SpecError("no region was asked for; name at least one")
        known = {quote.region: quote.provider for quote in self.quotes}
        for region in regions:
            if region not in known:
                near = tuple(get_close_matches(region, known))
                raise UnknownReferenceError("region", region, near)
            on_progress(f"{region}: prices")
        if self.failure is not None:
            raise self.failure
        return PriceSnapshot(
            provider=known[regions[0]],
            regions=tuple(dict.fromkeys(regions)),
            taken_at=self.taken_at,
            quotes=tuple(quote for quote in self.quotes if quote.region in regions),
        )
