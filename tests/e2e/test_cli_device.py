"""`planner device join`: a machine is tested, refused or told how it takes part."""

import json
import os
import platform
import socket
import subprocess

import psutil
import pytest

from planner.cli.app import main
from planner.domain.hardware import DeviceKind
from planner.reference.catalog import Catalog

GPU = "nvidia-l4"
ISAS = {"aarch64": "arm64"}


def like_this_machine():
    """A device of the catalogue that this machine might be."""
    isa = ISAS.get(platform.machine(), platform.machine())
    cores = len(os.sched_getaffinity(0))
    memory_bytes = psutil.virtual_memory().total
    return next(
        d.name
        for d in Catalog.shipped().devices()
        if d.kind is DeviceKind.CPU
        and d.architecture == isa
        and d.cores in range(1, cores + 1)
        and (d.memory_bytes or 0) <= memory_bytes
    )


def unlike_this_machine():
    """A device with another instruction set."""
    return "raspberry-pi-4" if platform.machine() == "x86_64" else "epyc-milan-2vcpu"


def join(*arguments):
    return main(["device", "join", *arguments])


def told(capsys):
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return captured


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A driver's program that names a card, as a GPU machine has it."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho NVIDIA L4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.fixture
def cluster():
    """Somebody who answers at an address."""
    with socket.create_server(("127.0.0.1", 0)) as head:
        yield f"127.0.0.1:{head.getsockname()[1]}"


@pytest.mark.slow
def test_a_machine_alone_is_tested_and_told_to_measure_and_export(tmp_path, capsys):
    device = like_this_machine()

    code = join(device, "--write", "join.sh")

    captured = told(capsys)
    said = " ".join(captured.out.split())
    assert code == 0
    assert f"{len(os.sched_getaffinity(0))}" in said
    assert f"--executor local --as-device {device} --export {device}.json" in said
    assert said.index("planner profile SPEC") < said.index("planner import profiles")
    assert "written: join.sh" in captured.err
    script = (tmp_path / "join.sh").read_text()
    assert subprocess.run(["sh", "-n", "join.sh"], check=False).returncode == 0
    assert f"\nplanner profile SPEC --executor local --as-device {device}" in script
    # What is not for this machine is no command of its script.
    assert "\n# then: planner import profiles" in script


@pytest.mark.slow
def test_a_gpu_machine_with_its_driver_announces_its_card_to_the_cluster(
    driver, cluster, capsys
):
    code = join(GPU, "--address", cluster, "--json")

    found = json.loads(told(capsys).out)
    assert code == 0
    assert found["found"]["accelerators"] == ["NVIDIA L4"]
    assert any(f'"device:{GPU}": 1' in command for command in found["commands"])
    assert any(f"--address={cluster}" in command for command in found["commands"])


@pytest.mark.slow
def test_what_it_cannot_be_is_refused_with_every_reason(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        code = join(GPU, "--address", address, "--python-version", "2.7", "--ray-version", "0.1")  # fmt: skip

    captured = told(capsys)
    assert code == 3
    assert "To take part" not in captured.out
    for reason in (
        "no accelerator is found here",
        f"no cluster answers at {address}",
        "pip install 'ray[default]==0.1'",
        "install Python 2.7",
    ):
        assert reason in " ".join(captured.err.split())


@pytest.mark.slow
def test_another_instruction_set_is_refused(capsys):
    device = unlike_this_machine()

    code = join(device)

    captured = told(capsys)
    assert code == 3
    assert f"it is no {device}" in " ".join(captured.err.split())
    assert "is your word" not in captured.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["raspbery-pi-4"], "raspberry-pi-4"),
        ([], "DEVICE"),
        ([GPU, "--address", "nowhere"], "that is not HOST:PORT"),
        ([GPU, "--address", ""], "that is not HOST:PORT"),
        ([GPU, "--address", "a..b:6379"], "that is not HOST:PORT"),
        ([GPU, "--ray-version", "2.9"], "give --address"),
    ],
)
def test_wrong_usage_is_refused(capsys, arguments, says):
    assert join(*arguments) in (2, 3)
    assert says in " ".join(told(capsys).err.split())
