"""What every foreign document has in common: other people's key names, none unknown."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """A part of a document whose keys are written as its owner writes them."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )


class CamelDocument(Document):
    """The same for owners who write camelCase."""

    model_config = Document.model_config | {"alias_generator": to_camel}
