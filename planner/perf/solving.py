"""Solves queues of all sorts: similar ones together, each by the method that fits it."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from planner.perf.batching import solve_batching
from planner.perf.lattice import Ints, Queues, may_overflow, plausible_batch
from planner.perf.single import solve_single
from planner.perf.waits import Waits

# Queues solved in one call: their matrices should stay in the processor's cache.
_CHUNK: Final = 32
_CHUNK_SINGLE: Final = 512
# Many queues at once: coarser, and small enough that BLAS starts no threads.
MANY_POINTS: Final = 62
MANY_POINTS_SINGLE: Final = 64
# One prediction: the M/D/1 queue within 0.05 % of theory, see the tests.
ONE_POINTS: Final = 128
ONE_POINTS_SINGLE: Final = 256


def solved_together(queues: Queues) -> Iterator[tuple[Ints, Waits]]:
    """Every stable queue's waits, in groups with their indices."""
    single = np.flatnonzero(queues.max_batch == 1)
    for start in range(0, single.size, _CHUNK_SINGLE):
        index = single[start : start + _CHUNK_SINGLE]
        yield index, solve_single(queues.take(index, 1), n_points=MANY_POINTS_SINGLE)
    batch = plausible_batch(queues)
    capped = batch == queues.max_batch
    overflows = capped & may_overflow(queues)
    # Similar sizes share a call; a size short of the limit becomes a power of two.
    size = np.where(capped, batch, 2 ** np.ceil(np.log2(batch)).astype(np.int64))
    kinds = 2 * np.minimum(size, queues.max_batch) + overflows
    kinds[single] = 0
    for kind in np.unique(kinds[kinds > 0]):
        members = np.flatnonzero(kinds == kind)
        for start in range(0, members.size, _CHUNK):
            index = members[start : start + _CHUNK]
            yield (
                index,
                solve_batching(
                    queues.take(index, int(kind // 2)),
                    n_points=MANY_POINTS,
                    overflows=bool(kind % 2),
                ),
            )


def solve_one(queues: Queues) -> Waits:
    """The waits of a single stable queue, on a fine lattice."""
    if int(queues.max_batch[0]) == 1:
        return solve_single(queues, n_points=ONE_POINTS_SINGLE)
    batch = int(plausible_batch(queues)[0])
    capped = batch == int(queues.max_batch[0])
    return solve_batching(
        queues.take(np.zeros(1, dtype=np.int64), batch),
        n_points=ONE_POINTS,
        overflows=capped and bool(may_overflow(queues)[0]),
    )
