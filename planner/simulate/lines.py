"""The way to a machine and back: a shared line, first come first served, that may fail.

A transfer takes the line for its own time. While the line is out nothing moves: a
transfer under way stands still and goes on afterwards.
"""

import numpy as np

from planner.simulate.arrays import Floats
from planner.simulate.compiled import compiled


@compiled
def send_through(
    ready_s: Floats, takes_s: Floats, outages_s: Floats, through_s: Floats
) -> None:
    """When each transfer is through; `ready_s` and `outages_s` (from, until) ascend."""
    free_s, k = -np.inf, 0
    for i in range(ready_s.size):
        at_s = max(ready_s[i], free_s)
        left_s = takes_s[i]
        while k < outages_s.shape[0] and outages_s[k, 1] <= at_s:
            k += 1
        while k < outages_s.shape[0] and at_s + left_s > outages_s[k, 0]:
            left_s -= max(outages_s[k, 0] - at_s, 0.0)
            at_s = max(at_s, outages_s[k, 1])
            k += 1
        free_s = at_s + left_s
        through_s[i] = free_s
