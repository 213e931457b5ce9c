"""What can rule a way of serving out."""

from enum import StrEnum


class Obstacle(StrEnum):
    """What rules a way of serving out."""

    UNMEASURED = "no profile"
    RESIDENCY = "residency"
    ROUTE = "no route"
    QUALITY = "quality"
    MEMORY = "memory"
    CARBON = "carbon"
    PERCENTILE = "percentile"
    SHAPE = "request shape"
    SLO = "latency promise"
