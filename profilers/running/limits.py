"""When measuring gives up on a worker or a trial."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to give up.

    A crash may be another program's fault, so it is tried once more. A worker
    that is lost three times in a row before it could run anything will not come
    up. A cold import of torch was seen to take 4 s, on a busy disk 30 s. Beats come
    every few seconds; a trial that waits for a disk or a GPU still uses some processor
    time within a minute.
    """

    max_attempts: int = 2
    max_lost_starts: int = 3
    start_timeout_s: float = 120.0
    silence_timeout_s: float = 60.0
    standstill_timeout_s: float = 90.0
    # What counts as processor time at all: a process that only sleeps uses less.
    standstill_cpu_s: float = 0.02
