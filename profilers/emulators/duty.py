"""Slows this process down without any privilege: a pacemaker stops and continues it.

In every period of `PERIOD_S` the process runs for a share of it and stands still for the
rest (SIGSTOP and SIGCONT reach all of its threads). Short calls come out as they are or
longer by a whole pause, as under a kernel's quota; over many periods the processor time
is the share. The pacemaker is a process of its own, ends with this one, and lets it go on
whenever it ends itself.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

# A tenth of the kernel's own period for quotas: closer to a slower clock. Signals and
# timers were seen to be late by 0.1 to 1 ms.
PERIOD_S: Final = 0.02
_PACEMAKER: Final = """
import os, select, signal, sys
process, after_s, run_s, rest_s = int(sys.argv[1]), *map(float, sys.argv[2:])
def pause(seconds):
    return bool(select.select([0], [], [], seconds)[0]) or os.getppid() != process
ended = pause(after_s)
try:
    while not ended:
        os.kill(process, signal.SIGSTOP)
        ended = pause(rest_s)
        os.kill(process, signal.SIGCONT)
        ended = ended or pause(run_s)
finally:
    try:
        os.kill(process, signal.SIGCONT)
    except ProcessLookupError:
        pass
"""


@contextlib.contextmanager
def cycle(share_frac: float, *, after_s: float = 0.0) -> Iterator[None]:
    """While inside, and from `after_s` on, run for so much of the time only."""
    times_s = [after_s, share_frac * PERIOD_S, (1 - share_frac) * PERIOD_S]
    command = [sys.executable, "-S", "-c", _PACEMAKER, str(os.getpid())]
    pacemaker = subprocess.Popen(  # noqa: S603 - our own program
        [*command, *map(str, times_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        if pacemaker.stdin is not None:
            pacemaker.stdin.close()
        pacemaker.wait()
