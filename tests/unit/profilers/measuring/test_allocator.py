"""A process that runs models keeps the memory that they freed."""

import platform
import resource
import subprocess
import sys

import pytest

from profilers.measuring import allocator

# 2 × 48 MB freed and taken again, as a layer's answers are: more than glibc keeps by default.
_TAKES_AGAIN = """
import resource

def batch():
    first = b"x" * 48_000_000
    return first + b"y"

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

batch(); batch()
before = faults()
for _ in range(10):
    batch()
print((faults() - before) // 10)
"""


def faults_a_batch(environment):
    done = subprocess.run(
        [sys.executable, "-c", _TAKES_AGAIN],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc's")
def test_what_a_batch_freed_the_next_one_finds_in_place(monkeypatch):
    for name in allocator.KEEPS_FREED_MEMORY:
        monkeypatch.delenv(name, raising=False)

    kept = faults_a_batch(allocator.environment())
    by_default = faults_a_batch(
        {k: v for k, v in allocator.environment().items() if "MALLOC_" not in k}
    )

    pages = 2 * 48_000_000 // resource.getpagesize()
    assert by_default > pages // 2
    assert kept < pages // 100


def test_a_setting_of_the_users_own_stays_and_is_told(monkeypatch):
    for name in allocator.KEEPS_FREED_MEMORY:
        monkeypatch.delenv(name, raising=False)
    assert allocator.told() == "keeps freed memory"

    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")

    assert allocator.environment()["MALLOC_ARENA_MAX"] == "4"
    assert allocator.told() == (
        "MALLOC_ARENA_MAX=4 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647"
    )


def test_its_own_settings_spelt_out_are_the_same_ones(monkeypatch):
    for name, value in allocator.KEEPS_FREED_MEMORY.items():
        monkeypatch.setenv(name, value)

    assert allocator.told() == "keeps freed memory"
