"""Weights in eight bits, activations as they were: see `profilers.compression.weight_only`."""

from typing import Final

from planner.domain.variants import Precision
from profilers.compression.weight_only import WeightOnly

TRANSFORMATION: Final = WeightOnly(Precision.INT8_WEIGHT_ONLY, 8)
