"""Ports that nobody listens at yet, and servers that take a while to listen."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

# Eight replicas of every runtime take minutes on a busy machine.
PATIENCE_S = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def planner_serving(folder, *more):
    """`planner serve` on the plan in a folder: its address, and its metrics' port.

    It has to end by itself, with exit code 0, when it is interrupted.
    """
    port, metrics_port = free_port(), free_port()
    log = folder / "serve.log"
    command = [sys.executable, "-m", "planner", "serve", str(folder), f"--port={port}", f"--metrics-port={metrics_port}"]  # fmt: skip
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *more],
            env={**os.environ, "HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_served(process, log)
        yield f"http://127.0.0.1:{port}/", metrics_port
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_served(process, log):
    """Until `planner serve` says that it serves."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s and process.poll() is None:
        if "Ctrl-C ends it" in log.read_text():
            return
        time.sleep(0.3)
    pytest.fail(f"planner serve did not get ready:\n{log.read_text()[-4000:]}")
