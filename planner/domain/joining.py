"""What a machine says of itself before it takes part as a device."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a machine says that it is; `accelerators` are named as their driver names them."""

    processor: str
    architecture: str
    cores: int
    memory_bytes: float
    accelerators: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest(Machine):
    """The machine, and what was tried on it: every `_s` and limit.

    `matrix_s` is a product of two 512 × 512 matrices of float32 on one thread, the
    median of several. `memory_limit` says what held, or why it did not, `cpu_quota` by
    what processor time is limited.
    `ray_version` is None where Ray is not installed.
    """

    python_version: str
    ray_version: str | None
    torch_version: str | None
    memory_limit: str
    is_memory_limited: bool
    cpu_quota: str
    matrix_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How a machine takes part as the device its owner says it is.

    `refusals` are reasons why it cannot; without any, `commands` are to be run there in
    that order. `cautions` are worth knowing and stop nobody.
    """

    device: str
    found: SelfTest
    commands: tuple[str, ...]
    refusals: tuple[str, ...]
    cautions: tuple[str, ...]
