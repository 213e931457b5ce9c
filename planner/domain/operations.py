"""What a model asks of a device, whatever the device: operations and bytes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """A model's own figures; None where its authors do not state them.

    `macs` are multiply-accumulates for one item; `activation_values` the numbers that its
    convolutions and matrix products read and write for it beside weights. `kv_values_per_token` are the
    numbers, keys and values together, that a language model keeps of each token.
    """

    model: str
    parameters: int
    source: str
    macs: int | None = None
    activation_values: int | None = None
    layers: int | None = None
    kv_values_per_token: int | None = None


def family(model: str) -> str:
    """The architecture that a published model is a size of.

    Example:
        >>> family("mobilenet-v2-0.5-160"), family("efficientnet-lite4")
        ('mobilenet-v2', 'efficientnet')
    """
    name, _, rest = model.partition("-")
    version = rest.partition("-")[0]
    is_version = version[:1] == "v" and version[1:].isdigit()
    return f"{name}-{version}" if is_version else name
