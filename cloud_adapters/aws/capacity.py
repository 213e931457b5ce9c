"""What a region's instance types are made of, from EC2's own descriptions.

The accelerator is AWS's own word for it, of the first kind present: GPU, Neuron
device (Inferentia, Trainium), other inference accelerator, FPGA, media accelerator.
A type that rents a part of a GPU has that part as its count: `g6f.large` has 0.125
of an L4.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from planner.units import BYTES_PER_MIB

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import GpuDeviceInfoTypeDef, InstanceTypeInfoTypeDef

# The most types that one DescribeInstanceTypes may name.
_TYPES_PER_REQUEST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Processors, memory and accelerators of one instance type."""

    vcpus: int
    memory_bytes: float
    accelerator: str | None
    accelerator_count: float


def offered_types(client: "EC2Client", region: str) -> "frozenset[InstanceTypeType]":
    """The instance types that can be had in the region itself."""
    pages = client.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="region"
    )
    return frozenset(
        offering["InstanceType"]
        for page in pages
        for offering in page["InstanceTypeOfferings"]
        if offering["Location"] == region
    )


def instance_shapes(
    client: "EC2Client", types: "Collection[InstanceTypeType]"
) -> dict[str, Shape]:
    """The shape of each of these types, which the client's region must offer."""
    paginator = client.get_paginator("describe_instance_types")
    return {
        described["InstanceType"]: _shape(described)
        for names in _requests(sorted(types))
        for page in paginator.paginate(InstanceTypes=names)
        for described in page["InstanceTypes"]
    }


def _requests(
    names: "Sequence[InstanceTypeType]",
) -> "Iterator[Sequence[InstanceTypeType]]":
    for start in range(0, len(names), _TYPES_PER_REQUEST):
        yield names[start : start + _TYPES_PER_REQUEST]


def _shape(described: "InstanceTypeInfoTypeDef") -> Shape:
    accelerator, count = next(_accelerators(described), (None, 0.0))
    return Shape(
        vcpus=described["VCpuInfo"]["DefaultVCpus"],
        memory_bytes=float(described["MemoryInfo"]["SizeInMiB"] * BYTES_PER_MIB),
        accelerator=accelerator,
        accelerator_count=count,
    )


def _accelerators(
    described: "InstanceTypeInfoTypeDef",
) -> "Iterator[tuple[str, float]]":
    for gpu in described.get("GpuInfo", {}).get("Gpus", ()):
        yield gpu["Name"], _gpus(gpu)
    for neuron in described.get("NeuronInfo", {}).get("NeuronDevices", ()):
        yield neuron["Name"], float(neuron["Count"])
    for chip in described.get("InferenceAcceleratorInfo", {}).get("Accelerators", ()):
        yield chip["Name"], float(chip["Count"])
    for fpga in described.get("FpgaInfo", {}).get("Fpgas", ()):
        yield fpga["Name"], float(fpga["Count"])
    for media in described.get("MediaAcceleratorInfo", {}).get("Accelerators", ()):
        yield media["Name"], float(media["Count"])


def _gpus(gpu: "GpuDeviceInfoTypeDef") -> float:
    # A shared GPU counts 0 whole ones; its slices are LogicalGpuCount of this size.
    whole = gpu.get("Count", 0)
    slices = gpu.get("LogicalGpuCount", 0) * gpu.get("GpuPartitionSize", 1.0)
    return float(whole or slices)
