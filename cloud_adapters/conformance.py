"""What every price source promises; an adapter's test class inherits it.

class TestMine(PriceSourceConformance):
    regions = ("eu-central-1",)

    def source(self):
        return MyPrices(...)

Each class asks its source once and judges that answer from every side.
"""

import datetime as dt
import math
import pickle
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.errors import PlannerError, SpecError, UnknownReferenceError
from planner.ports import PriceSource
from planner.reference.integrity import check_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    snapshot: PriceSnapshot
    progress: tuple[str, ...]


class PriceSourceConformance(ABC):
    """Inherit, say which regions the source can be asked for, and open it."""

    regions: ClassVar[tuple[str, ...]]
    _answer: ClassVar[_Answer | None] = None

    @abstractmethod
    def source(self) -> PriceSource:
        """The source under test, ready to be asked for `regions`."""

    def answer(self) -> _Answer:
        """What the source said to `regions`; asked once a class."""
        cls = type(self)
        if cls._answer is None:
            told: list[str] = []
            snapshot = self.source().fetch(cls.regions, on_progress=told.append)
            cls._answer = _Answer(snapshot=snapshot, progress=tuple(told))
        return cls._answer

    def quotes(self) -> tuple[InstanceQuote, ...]:
        """The quotes of that answer."""
        return self.answer().snapshot.quotes

    def test_every_region_asked_for_has_quotes_and_no_other_has(self) -> None:
        """No region is left out silently, and none is slipped in."""
        asked = set(self.regions)

        assert {q.region for q in self.quotes()} == asked
        assert set(self.answer().snapshot.regions) == asked

    def test_a_type_is_quoted_once_a_region(self) -> None:
        """Two prices for one thing would leave the choice to chance."""
        keys = [(q.region, q.instance_type) for q in self.quotes()]

        assert len(keys) == len(set(keys))

    def test_quotes_carry_the_provider_of_their_snapshot(self) -> None:
        """A snapshot is one provider's."""
        assert {q.provider for q in self.quotes()} == {self.answer().snapshot.provider}

    def test_prices_are_positive_and_at_least_one_is_stated(self) -> None:
        """A price of nothing, or no price at all, is not an offer."""
        for quote in self.quotes():
            prices = [
                price
                for price in (quote.on_demand_usd_per_h, quote.spot_usd_per_h)
                if price is not None
            ]
            assert prices, quote
            assert all(0.0 < price < math.inf for price in prices), quote

    def test_spot_is_never_dearer_than_on_demand(self) -> None:
        """Whoever pays more for a machine that can be taken away has misread a price."""
        dearer = [
            q
            for q in self.quotes()
            if q.spot_usd_per_h is not None
            and q.on_demand_usd_per_h is not None
            and q.spot_usd_per_h > q.on_demand_usd_per_h
        ]

        assert dearer == []

    def test_shapes_are_of_real_machines(self) -> None:
        """Processors, memory in bytes rather than GiB, and a count for what is named."""
        for quote in self.quotes():
            assert quote.vcpus >= 1, quote
            assert quote.memory_bytes >= 2**28, quote
            assert (quote.accelerator is None) == (quote.accelerator_count == 0), quote

    def test_every_price_says_who_stated_it_and_when(self) -> None:
        """Dates are not after the snapshot's own, and a spot price has its own."""
        taken_on = self.answer().snapshot.taken_at.date()
        for quote in self.quotes():
            assert quote.on_demand_source, quote
            assert quote.on_demand_as_of <= taken_on, quote
            if quote.spot_usd_per_h is not None:
                assert quote.spot_source, quote
                assert quote.spot_as_of is not None, quote
                assert quote.spot_as_of <= taken_on, quote

    def test_the_snapshot_is_dated_in_utc(self) -> None:
        """An instant without a zone means another hour elsewhere."""
        assert self.answer().snapshot.taken_at.utcoffset() == dt.timedelta(0)

    def test_progress_names_every_region(self) -> None:
        """Whoever waits is told what for."""
        told = "\n".join(self.answer().progress)

        assert all(region in told for region in self.regions)

    def test_the_snapshot_survives_pickling(self) -> None:
        """Answers cross processes."""
        snapshot = self.answer().snapshot

        assert pickle.loads(pickle.dumps(snapshot)) == snapshot  # noqa: S301 - our own

    def test_the_snapshot_passes_the_catalogues_gate(self) -> None:
        """The same rules as for the shipped facts, and they bite when one is broken."""
        snapshot = self.answer().snapshot
        broken = replace(snapshot, quotes=(*snapshot.quotes, snapshot.quotes[0]))

        assert check_snapshot(snapshot) == ()
        assert check_snapshot(broken) != ()

    def test_a_region_that_does_not_exist_is_refused_by_name(self) -> None:
        """And the nearest known names are offered."""
        wrong = self.regions[0][:-1] + "99"

        refusal = self._refusal([wrong])

        assert isinstance(refusal, UnknownReferenceError), refusal
        assert refusal.name == wrong
        assert self.regions[0] in refusal.nearest

    def test_asking_for_no_region_is_refused(self) -> None:
        """An empty answer would read as a provider that sells nothing."""
        refusal = self._refusal([])

        assert isinstance(refusal, SpecError), refusal
        assert "region" in str(refusal)

    def _refusal(self, regions: list[str]) -> PlannerError | None:
        told: list[str] = []
        try:
            self.source().fetch(regions, on_progress=told.append)
        except PlannerError as error:
            return error
        return None
