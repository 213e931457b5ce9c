"""One queue for several processes, told by who works when."""

import os
import subprocess
import sys
import threading

import pytest

from profilers.serving.turns import Turns

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="locks of open files are Linux's"
)

# Takes a ticket for each line it reads, at once, and works on them one by one.
SERVER = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from profilers.serving.turns import Turns

turns = Turns(Path(sys.argv[1]), sys.argv[2])
runner = ThreadPoolExecutor(max_workers=1)
speaking = Lock()

def say(line):
    # Two threads' lines must not run into each other.
    with speaking:
        print(line, flush=True)

def work(held, ticket):
    with turns.turn(ticket):
        began = time.monotonic()
        time.sleep(0.01)
        say(f"{ticket} {began} {time.monotonic()}")
    held.__exit__(None, None, None)

say("ready")
for line in sys.stdin:
    held = turns.ticket()
    runner.submit(work, held, held.__enter__())
    say("ticket")
runner.shutdown()
"""


class Server:
    def __init__(self, folder, name):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        self.lines = []
        self.took = threading.Semaphore(0)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line == "ticket\n":
                self.took.release()
            else:
                self.lines.append(line.split())

    def ask(self):
        """One request, which has its ticket when this returns."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        assert self.took.acquire(timeout=30)

    def done(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0
        self.reader.join()
        self.process.stdout.close()
        return [(int(n), float(a), float(b)) for n, a, b in self.lines]


def test_servers_work_one_at_a_time_in_the_order_of_arrival(tmp_path):
    servers = [Server(tmp_path / "pool", name) for name in "abc"]
    asked = [0, 1, 1, 0, 2, 2, 2, 1, 0, 2, 0, 1, 0, 0, 2]

    for number in asked:
        servers[number].ask()
    worked = [(turn, i) for i, s in enumerate(servers) for turn in s.done()]
    worked.sort(key=lambda w: w[0][1])

    assert [ticket for (ticket, _, _), _ in worked] == list(range(len(asked)))
    assert [server for _, server in worked] == asked
    ends = [end for (_, _, end), _ in worked]
    begins = [begin for (_, begin, _), _ in worked]
    assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))


def test_nobody_waits_for_a_server_that_died(tmp_path):
    dead, living = Server(tmp_path / "pool", "a"), Server(tmp_path / "pool", "b")

    for _ in range(30):
        dead.ask()
    living.ask()
    dead.process.kill()

    assert [ticket for ticket, _, _ in living.done()] == [30]
    dead.process.wait()
    dead.reader.join()
    dead.process.stdin.close()
    dead.process.stdout.close()


def test_a_ticket_that_is_given_back_is_passed_over_and_no_other(tmp_path):
    first, second = (Turns(tmp_path / "pool", name) for name in "ab")
    entered = threading.Event()

    with first.ticket() as working:
        with second.ticket():
            pass
        with second.ticket() as last:
            waiting = threading.Thread(target=_enter, args=(second, last, entered))
            waiting.start()
            # The one before was given back; the one before that still has its turn to come.
            assert not entered.wait(0.2)
            with first.turn(working):
                assert not entered.wait(0.2)
            assert entered.wait(10)
            waiting.join()
    first.close()
    second.close()


def _enter(turns, ticket, entered):
    with turns.turn(ticket):
        entered.set()


def test_replicas_of_one_server_take_queues_of_their_own(tmp_path):
    first, second = (Turns(tmp_path / "pool", "a") for _ in range(2))
    neighbour = Turns(tmp_path / "pool", "b")

    with first.ticket() as one, second.ticket() as two, neighbour.ticket() as three:
        # The neighbour shares the first replica's queue; the second has another.
        assert (one, two, three) == (0, 0, 1)
    for turns in (first, second, neighbour):
        turns.close()


def test_a_folder_of_somebody_else_is_not_trusted(tmp_path, monkeypatch):
    (tmp_path / "pool").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 4711)

    with pytest.raises(PermissionError, match="another user"):
        Turns(tmp_path / "pool", "a")
