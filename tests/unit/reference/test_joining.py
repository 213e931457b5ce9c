"""Whether a machine may go by a device's name, and the commands it is given."""

from dataclasses import replace

import pytest

from planner.domain.joining import SelfTest
from planner.reference.devices import device
from planner.reference.joining import Cluster, joining
from planner.units import BYTES_PER_GIB

PI = device("raspberry-pi-4")
FOUND = SelfTest(
    processor="Raspberry Pi 4 Model B Rev 1.4",
    architecture="aarch64",
    cores=4,
    memory_bytes=7.6 * BYTES_PER_GIB,
    accelerators=(),
    python_version="3.11.2",
    ray_version="2.60.0",
    torch_version="2.13.0",
    memory_limit="512 MiB of data (RLIMIT_DATA)",
    is_memory_limited=True,
    cpu_quota="2 cores by affinity",
    matrix_s=0.02,
)
CLUSTER = Cluster(address="10.0.0.5:6379", python_version="3.11", ray_version="2.60.0")


def test_a_pi_is_told_to_announce_itself_by_its_name():
    told = joining(PI, FOUND, cluster=CLUSTER)

    assert told.refusals == ()
    assert told.commands[1] == (
        "RAY_worker_niceness=0 ray start --address=10.0.0.5:6379 --num-cpus=4 "
        """--resources='{"device:raspberry-pi-4": 1}'"""
    )


def test_alone_it_measures_declares_and_exports():
    told = joining(PI, replace(FOUND, ray_version=None), cluster=None)

    assert told.refusals == ()
    assert "--executor local --as-device raspberry-pi-4 --export" in told.commands[1]
    assert told.commands[2].startswith("planner import profiles raspberry-pi-4.json")


def test_another_instruction_set_fewer_cores_or_far_less_memory_is_no_such_device():
    other = replace(
        FOUND, architecture="x86_64", cores=2, memory_bytes=0.5 * BYTES_PER_GIB
    )

    refusals = joining(PI, other, cluster=None).refusals

    assert [r.partition(" ")[0] for r in refusals] == ["a", "2", "0.5"]


def test_a_cluster_that_is_silent_or_of_other_versions_is_refused_with_the_way_out():
    strange = replace(
        CLUSTER,
        silence="Connection refused",
        ray_version="2.40.0",
        python_version="3.12",
    )

    refusals = joining(PI, FOUND, cluster=strange).refusals

    assert len(refusals) == 3
    assert all("leave --address out" in r for r in refusals)


def test_limits_that_do_not_hold_are_a_caution_and_no_refusal():
    told = joining(PI, replace(FOUND, is_memory_limited=False), cluster=None)

    assert told.refusals == ()
    assert told.cautions == (
        "memory is not limited in trials: 512 MiB of data (RLIMIT_DATA)",
    )


@pytest.mark.parametrize(
    ("name", "card", "is_it"),
    [
        ("nvidia-l4", "NVIDIA L4", True),
        ("nvidia-l4", "NVIDIA L40S", False),
        ("nvidia-t4", "Tesla T4", True),
        ("nvidia-a100-80gb-sxm", "NVIDIA A100-SXM4-80GB", True),
        ("nvidia-a100-80gb-sxm", "NVIDIA A10", False),
        ("nvidia-geforce-rtx-4090", "NVIDIA GeForce RTX 4090", True),
        ("nvidia-geforce-rtx-4090", "NVIDIA GeForce RTX 3090", False),
    ],
)
def test_a_card_goes_by_its_own_name_only(name, card, is_it):
    box = replace(FOUND, architecture="x86_64", accelerators=(card,))

    refusals = joining(device(name), box, cluster=None).refusals

    assert refusals == (() if is_it else (f"the driver finds {card}: it is no {name}",))
