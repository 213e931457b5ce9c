"""What every foreign document has in common: other people's key names, none unknown."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Strings = dict[str, str]


class Document(BaseModel):
    """A part of a document whose keys are written as its owner writes them."""

    # Built on first use: seventy models cost a tenth of a second that most runs of the
    # planner would spend for nothing.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        defer_build=True,
    )


class CamelDocument(Document):
    """The same for owners who write camelCase."""

    model_config = Document.model_config | {"alias_generator": to_camel}
