"""All requests that reach a group of machines, in the order in which they come."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.simulate.arrays import Floats, Ints
from planner.simulate.requests import Requests
from planner.simulate.scenario import (
    Scenario,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visit:
    """All requests that reach a group, in order, and where each came from."""

    stream: Ints
    request: Ints
    placement: Ints
    at_s: Floats
    prompt: Floats
    output: Floats

    def rows(self, column: Floats, stream: int) -> tuple[Ints, Floats]:
        """One stream's request numbers, and a column's values for them."""
        mine = self.stream == stream
        return self.request[mine], column[mine]


def visits(scenario: Scenario, number: int, streams: Sequence[Requests]) -> Visit:
    """The requests of all streams that a group's placements serve, merged."""
    columns: list[tuple[Ints, Ints, Ints, Floats, Floats, Floats]] = []
    for p, placed in enumerate(scenario.groups[number].placements):
        for i, stream in enumerate(scenario.streams):
            if stream.workload != placed.workload:
                continue
            mine = streams[i].served_by(number, p)
            prompt, output = stream.tokens()
            columns.append(
                (
                    np.full(mine.size, i),
                    mine,
                    np.full(mine.size, p),
                    streams[i].reached_s[mine],
                    prompt[mine],
                    output[mine],
                )
            )
    stream_of, request, placement, at_s, prompts, outputs = (
        np.concatenate(column) for column in zip(*columns, strict=True)
    )
    order = np.argsort(at_s, kind="stable")
    return Visit(
        stream=stream_of[order],
        request=request[order],
        placement=placement[order],
        at_s=at_s[order],
        prompt=prompts[order],
        output=outputs[order],
    )
