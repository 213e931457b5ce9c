"""Ports that nobody listens at yet, and servers that take a while to listen."""

import socket
import time

import pytest

PATIENCE_S = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_served(process, log):
    """Until `planner serve` says that it serves."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s and process.poll() is None:
        if "Ctrl-C ends it" in log.read_text():
            return
        time.sleep(0.3)
    pytest.fail(f"planner serve did not get ready:\n{log.read_text()[-4000:]}")
