"""Whether a machine may go by a device's name, and the commands by which it takes part.

The owner says what the machine is; nobody can prove it. What can be read is held against
the catalogue: another instruction set, fewer cores than the device has or far less
memory is a refusal, for every figure measured here would stand for the device.
"""

import re
from dataclasses import dataclass
from typing import Final

from planner.domain.hardware import Device, DeviceKind
from planner.domain.joining import Joining, Machine, SelfTest
from planner.units import BYTES_PER_GIB

# A system keeps some of the memory for itself before it counts: a Raspberry Pi 5 of
# 8 GiB says 7.9, one whose GPU takes a share as little as 7.6 (2024-11, Debian 12).
LEAST_MEMORY_FRAC: Final = 0.8
# Marks the commands that are not for the machine itself.
WHERE_PLANNED: Final = "    # where you plan"
_SAME: Final = {"amd64": "x86_64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The cluster to take part in; versions are None where its owner did not say.

    `silence` is why nothing answers at the address, empty where something does.
    """

    address: str
    silence: str = ""
    python_version: str | None = None
    ray_version: str | None = None


def joining(device: Device, found: SelfTest, *, cluster: Cluster | None) -> Joining:
    """What stands in the way, and what to run; without a cluster, alone."""
    refusals = mismatches(device, found)
    if found.torch_version is None:
        refusals.append(
            "torch is not installed: pip install 'deployment-planner[profile]' first"
        )
    if cluster is not None:
        refusals += _strangers(found, cluster)
    return Joining(
        device=device.name,
        found=found,
        commands=_commands(device, found, cluster),
        refusals=tuple(refusals),
        cautions=tuple(_cautions(device, found)),
    )


def _commands(
    device: Device, found: SelfTest, cluster: Cluster | None
) -> tuple[str, ...]:
    if cluster is None:
        alone = f"--as-device {device.name} --export {device.name}.json"
        return (
            "pip install 'deployment-planner[profile]'",
            f"planner profile SPEC --executor local {alone}",
            f"planner import profiles {device.name}.json{WHERE_PLANNED}",
        )
    told = f"""--num-cpus={found.cores} --resources='{{"device:{device.name}": 1}}'"""
    return (
        f"pip install 'deployment-planner[profile]' {_ray(found, cluster)}",
        f"RAY_worker_niceness=0 ray start --address={cluster.address} {told}",
        f"planner profile SPEC --address {cluster.address} --device {device.name}"
        + WHERE_PLANNED,
    )


def _ray(found: SelfTest, cluster: Cluster) -> str:
    version = cluster.ray_version or found.ray_version
    return "'ray[default]'" if version is None else f"'ray[default]=={version}'"


def _strangers(found: SelfTest, cluster: Cluster) -> list[str]:
    """Why the machine and the cluster cannot work together."""
    alone = "measure without a cluster: leave --address out"
    said = []
    if cluster.silence:
        said.append(
            f"no cluster answers at {cluster.address} ({cluster.silence}): start its head "
            "with ray start --head --node-ip-address=ADDRESS --port=PORT, open the port, "
            f"or {alone}"
        )
    ray, python = cluster.ray_version, cluster.python_version
    if found.ray_version is None:
        said.append(
            f"Ray is not installed: pip install {_ray(found, cluster)}, or where it has "
            f"no package for {found.architecture}, {alone}"
        )
    elif ray is not None and found.ray_version != ray:
        said.append(
            f"Ray {found.ray_version} here and {ray} in the cluster do not speak to "
            f"each other: pip install 'ray[default]=={ray}', or {alone}"
        )
    if python is not None and _minor(found.python_version) != _minor(python):
        said.append(
            f"Python {found.python_version} here and {python} in the cluster do not "
            f"read each other's trials: install Python {_minor(python)}, or {alone}"
        )
    return said


def contradictions(device: Device, found: Machine) -> list[str]:
    """What shows that the machine is another device, whatever its owner says."""
    said = []
    if device.architecture and _isa(device.architecture) != _isa(found.architecture):
        said.append(
            f"a {device.name} runs {device.architecture}, this machine "
            f"{found.architecture}: it is no {device.name}"
        )
    if device.kind is DeviceKind.GPU:
        if not found.accelerators:
            said.append(
                f"no accelerator is found here: a {device.name} needs its driver "
                "installed (nvidia-smi names it)"
            )
        elif not any(_is_card(device.name, card) for card in found.accelerators):
            said.append(
                f"the driver finds {', '.join(found.accelerators)}: it is no {device.name}"
            )
    return said


def mismatches(device: Device, found: Machine) -> list[str]:
    """In what the machine is not like that device."""
    said = contradictions(device, found)
    if device.kind is DeviceKind.GPU:
        return said
    if device.cores is not None and found.cores < device.cores:
        said.append(
            f"{found.cores} cores here, {device.cores} in a {device.name}: name the "
            "device that this machine is (planner catalog devices)"
        )
    least_bytes = LEAST_MEMORY_FRAC * (device.memory_bytes or 0.0)
    if found.memory_bytes < least_bytes:
        said.append(
            f"{found.memory_bytes / BYTES_PER_GIB:.1f} GiB of memory here, "
            f"{(device.memory_bytes or 0.0) / BYTES_PER_GIB:.1f} GiB in a {device.name}: "
            "name the device that this machine is (planner catalog devices)"
        )
    return said


def _cautions(device: Device, found: SelfTest) -> list[str]:
    said = []
    if device.cores is not None and found.cores > device.cores:
        said.append(
            f"{found.cores} cores here, {device.cores} in a {device.name}: is it one?"
        )
    if not found.is_memory_limited:
        said.append(f"memory is not limited in trials: {found.memory_limit}")
    return said


def _is_card(name: str, card: str) -> bool:
    """Whether the model in a device's name ("l4") is in what the driver calls the card.

    Example:
        >>> _is_card("nvidia-l4", "NVIDIA L40S")
        False
    """
    words = (re.split(r"[^a-z0-9]+", text.lower()) for text in (name, card))
    of_name, of_card = words
    return next((w for w in of_name if re.search(r"\d", w)), name) in of_card


def _isa(architecture: str) -> str:
    name = architecture.lower()
    return _SAME.get(name, name)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
