"""What a device's name says about how a container reaches its accelerator."""

from enum import StrEnum


class Accelerator(StrEnum):
    """Who made it, and by which road a container gets it."""

    NVIDIA = "nvidia"  # a card: the container toolkit, the device plugin
    JETSON = "jetson"  # part of the board: JetPack's container runtime
    AMD = "amd"


def accelerator_of(device: str) -> Accelerator | None:
    """The accelerator that the device is or has, None for processors alone.

    Example:
        >>> accelerator_of("nvidia-l4"), accelerator_of("raspberry-pi-5")
        (<Accelerator.NVIDIA: 'nvidia'>, None)
    """
    if device.endswith("-cpu"):
        return None
    return next((a for a in Accelerator if device.startswith(f"{a}-")), None)
