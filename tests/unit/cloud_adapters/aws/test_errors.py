"""Whatever botocore raises becomes one sentence that says what to do."""

import inspect

import botocore.exceptions
import botocore.parsers
import botocore.session
import pytest
from botocore.retries.standard import ThrottledRetryableChecker

from cloud_adapters.aws.errors import _MEANINGS, VERDICTS, aws_errors, verdict_of
from planner.errors import (
    CredentialsError,
    PriceMissingError,
    ProviderUnavailableError,
    QuotaError,
)

OURS = {CredentialsError, PriceMissingError, ProviderUnavailableError, QuotaError}


def raised_by_botocore():
    for module in (botocore.exceptions, botocore.parsers):
        for item in vars(module).values():
            if (
                inspect.isclass(item)
                and item.__module__ == module.__name__
                and issubclass(item, Exception)
                and not issubclass(item, Warning)
                and item is not botocore.exceptions.BotoCoreError
            ):
                yield item


@pytest.mark.parametrize("error", list(raised_by_botocore()), ids=lambda e: e.__name__)
def test_every_botocore_exception_has_a_verdict(error):
    verdict = verdict_of(error)

    assert verdict is not None, f"{error.__name__} is missing from the table"
    assert verdict.error in OURS


def test_the_walk_over_botocore_finds_its_exceptions():
    names = {error.__name__ for error in raised_by_botocore()}

    assert len(names) > 90
    assert {"NoCredentialsError", "ClientError", "ResponseParserError"} <= names


@pytest.mark.parametrize(
    "verdict",
    sorted(set(VERDICTS.values()), key=lambda v: v.problem),
    ids=lambda v: v.problem,
)
def test_a_verdict_says_what_is_wrong_and_the_way_out(verdict):
    assert verdict.problem
    assert verdict.way_out
    assert not (verdict.problem + verdict.way_out).endswith(".")


def test_no_name_stands_in_the_table_twice():
    names = [name for _, line in _MEANINGS for name in line.split()]

    assert sorted(names) == sorted(VERDICTS)


def test_every_refusal_that_the_price_list_service_declares_is_in_the_table():
    model = botocore.session.get_session().get_service_model("pricing")
    declared = {e.name for e in model.operation_model("GetProducts").error_shapes}

    assert "ThrottlingException" in declared
    assert declared <= VERDICTS.keys()


def test_every_code_that_botocore_takes_for_throttling_is_a_quota():
    codes = ThrottledRetryableChecker._THROTTLED_ERROR_CODES

    assert {VERDICTS[code].error for code in codes} == {QuotaError}


def refusal(code, status):
    return botocore.exceptions.ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "GetProducts",
    )


@pytest.mark.parametrize(
    ("raised", "ours", "way_out"),
    [
        (botocore.exceptions.NoCredentialsError(), CredentialsError, "aws configure"),
        (
            botocore.exceptions.ProfileNotFound(profile="shop"),
            CredentialsError,
            "AWS_PROFILE",
        ),
        (
            botocore.exceptions.UnauthorizedSSOTokenError(),
            CredentialsError,
            "sign in again",
        ),
        (
            botocore.exceptions.EndpointConnectionError(endpoint_url="https://a.b"),
            ProviderUnavailableError,
            "check the network",
        ),
        (
            botocore.exceptions.ProxyConnectionError(proxy_url="http://p"),
            ProviderUnavailableError,
            "HTTPS_PROXY",
        ),
        (
            botocore.exceptions.SSLError(endpoint_url="https://a.b", error="expired"),
            ProviderUnavailableError,
            "AWS_CA_BUNDLE",
        ),
        (refusal("ThrottlingException", 400), QuotaError, "wait a minute"),
        (
            refusal("UnauthorizedOperation", 403),
            CredentialsError,
            "pricing:GetProducts",
        ),
        (refusal("OptInRequired", 403), CredentialsError, "enable the region"),
        (refusal("NotFoundException", 400), PriceMissingError, "leave it out"),
        (refusal("InternalErrorException", 500), ProviderUnavailableError, "try again"),
        (refusal("NeverHeardOf", 429), QuotaError, "wait a minute"),
        (refusal("NeverHeardOf", 403), CredentialsError, "pricing:GetProducts"),
        (refusal("NeverHeardOf", 503), ProviderUnavailableError, "try again"),
        (refusal("NeverHeardOf", 400), ProviderUnavailableError, "upgrade boto3"),
    ],
    ids=str,
)
def test_a_refusal_becomes_one_sentence_with_place_and_way_out(raised, ours, way_out):
    with pytest.raises(ours) as caught, aws_errors("AWS prices of eu-central-1"):
        raise raised

    sentence = str(caught.value)
    assert sentence.startswith("AWS prices of eu-central-1: ")
    assert way_out in sentence
    assert "\n" not in sentence
    assert caught.value.__cause__ is raised


def test_a_class_of_a_later_botocore_is_still_no_traceback():
    class BrandNewError(botocore.exceptions.BotoCoreError):
        fmt = "from the future"

    with (
        pytest.raises(ProviderUnavailableError, match="BrandNewError"),
        aws_errors("x"),
    ):
        raise BrandNewError


def test_a_bug_of_ours_keeps_its_traceback():
    with pytest.raises(KeyError), aws_errors("x"):
        raise KeyError("ours")
