"""What every document has in common: frozen, unknown keys refused, finite numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Spec(BaseModel):
    """Base of every document part."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_enum_values=False
    )


# Any script is welcome; control characters and separators of our own are not.
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80, pattern=r"^[^\s/:\x00-\x1f\x7f]+$"),
]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
