"""Documents in which somebody else's words stand wherever they may."""

from typing import Any

from planner.specs.base import Spec


def with_every_text(spec: Spec, text: str) -> Any:
    """The document with `text` wherever somebody's own words may stand."""
    changed = {}
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        if isinstance(value, Spec):
            changed[name] = with_every_text(value, text)
        elif isinstance(value, tuple):
            changed[name] = tuple(
                with_every_text(v, text) if isinstance(v, Spec) else text for v in value
            )
        elif type(value) is str and field.annotation in (str, str | None):
            changed[name] = text
    return spec.model_copy(update=changed)
