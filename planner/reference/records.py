"""What the catalogue lists besides devices, offers and profiles."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """A model that others measured; `metric` is the word its qualities are stated in.

    `metric` is empty where no profile of the model states a quality.
    """

    name: str
    task: str
    metric: str
    description: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessNetwork:
    """A typical way from a user to the internet; seen from the user, down and up."""

    name: str
    description: str
    rtt_s: float
    down_bytes_per_s: float
    up_bytes_per_s: float
    source: str
    as_of: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where rows come from: the day the figures are from, and under which licence."""

    key: str
    citation: str
    as_of: dt.date
    licence: str

    def __str__(self) -> str:
        return f"{self.citation}, {self.as_of.isoformat()}"
