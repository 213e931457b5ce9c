"""Which providers can be asked for prices: the one list, proved equal to the folders."""

import datetime as dt
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from planner.errors import MissingExtraError, UnknownReferenceError
from planner.ports import PriceSource


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _aws(
    *,
    profile: str | None = None,
    endpoints: Mapping[str, str] | None = None,
    clock: Callable[[], dt.datetime] = _utc_now,
) -> PriceSource:
    _require("boto3", "aws", "asking AWS for its prices")
    opened: PriceSource = import_module("cloud_adapters.aws.source").aws_prices(
        profile=profile, endpoints=endpoints, clock=clock
    )
    return opened


_OPEN: Final[Mapping[str, Callable[..., PriceSource]]] = {"aws": _aws}


def providers() -> tuple[str, ...]:
    """The providers whose prices can be refreshed.

    Example:
        >>> providers()
        ('aws',)
    """
    return tuple(sorted(_OPEN))


def price_source(provider: str, **options: object) -> PriceSource:
    """The provider, ready to be asked; its client library is imported only now.

    `aws` takes `profile` (of ~/.aws/config), `endpoints` (service name to URL, for
    private endpoints) and `clock`.

    Raises:
        UnknownReferenceError: No adapter knows the provider.
        MissingExtraError: Its client library is not installed.
        CredentialsError: The profile does not exist.
    """
    if provider not in _OPEN:
        near = tuple(get_close_matches(provider, providers())) or providers()
        raise UnknownReferenceError("price provider", provider, near)
    return _OPEN[provider](**options)


def _require(package: str, extra: str, needed_for: str) -> None:
    if find_spec(package) is None:
        raise MissingExtraError(package, extra, needed_for)
