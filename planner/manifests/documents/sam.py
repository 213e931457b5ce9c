"""AWS SAM templates, as far as the manifests write them (2016-10-31 transform)."""

from typing import Literal

from pydantic import Field
from pydantic.alias_generators import to_pascal

from planner.manifests.documents.base import Document


class PascalDocument(Document):
    """Keys are written as CloudFormation writes them."""

    model_config = Document.model_config | {"alias_generator": to_pascal}


class Parameter(PascalDocument):
    """What is asked for at deployment."""

    type: Literal["String"] = "String"
    description: str


class Reference(Document):
    """The value of a parameter."""

    ref: str = Field(alias="Ref")


class FunctionProperties(PascalDocument):
    """A function from an image; `timeout` in seconds, `memory_size` in MiB."""

    package_type: Literal["Image"] = "Image"
    image_uri: Reference
    architectures: list[Literal["arm64", "x86_64"]] | None = None
    memory_size: int
    timeout: int
    reserved_concurrent_executions: int | None = None


class Function(PascalDocument):
    """The function's resource; `metadata` is ours."""

    type: Literal["AWS::Serverless::Function"] = "AWS::Serverless::Function"
    metadata: dict[str, str]
    properties: FunctionProperties


class Template(Document):
    """The whole file."""

    version: Literal["2010-09-09"] = Field(
        "2010-09-09", alias="AWSTemplateFormatVersion"
    )
    transform: Literal["AWS::Serverless-2016-10-31"] = Field(
        "AWS::Serverless-2016-10-31", alias="Transform"
    )
    description: str = Field(alias="Description")
    parameters: dict[str, Parameter] = Field(alias="Parameters")
    resources: dict[str, Function] = Field(alias="Resources")
