"""What AWS's refusals mean for a user: one table, one sentence each, with the way out.

The table's keys are botocore's exception classes by name (a class answers for its
subclasses), the service's error codes, and `HTTP <status>` for codes nobody listed.
Classes stand by name because their set grows from one botocore to the next.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    UndefinedModelAttributeError,
)
from botocore.parsers import ResponseParserError

from planner.errors import (
    CloudError,
    CredentialsError,
    PriceMissingError,
    ProviderUnavailableError,
    QuotaError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Which of our errors a refusal becomes, what is wrong, and the way out."""

    error: type[CloudError]
    problem: str
    way_out: str


_NO_CREDENTIALS: Final = Verdict(
    error=CredentialsError,
    problem="no usable AWS credentials were found on this machine",
    way_out="run `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or name a profile in AWS_PROFILE",
)
_EXPIRED: Final = Verdict(
    error=CredentialsError,
    problem="the AWS credentials or the sign-in behind them have expired",
    way_out="sign in again (`aws sso login` or `aws configure`) and check this "
    "machine's clock",
)
_REFUSED: Final = Verdict(
    error=CredentialsError,
    problem="AWS does not recognise these credentials",
    way_out="check the access key, the secret and this machine's clock, or name "
    "another profile in AWS_PROFILE",
)
_NOT_ALLOWED: Final = Verdict(
    error=CredentialsError,
    problem="these credentials may not ask for prices and instance types",
    way_out="allow them pricing:GetProducts, ec2:DescribeInstanceTypes, "
    "ec2:DescribeInstanceTypeOfferings and ec2:DescribeSpotPriceHistory",
)
_NOT_OPTED_IN: Final = Verdict(
    error=CredentialsError,
    problem="AWS refuses this account here, most likely because the region is not "
    "enabled for it",
    way_out="enable the region under Account > AWS Regions, leave it out, or check "
    "the credentials",
)
_ACCOUNT_BLOCKED: Final = Verdict(
    error=CredentialsError,
    problem="AWS has blocked this account or has not finished verifying it",
    way_out="open the AWS console, which says what is missing, then try again",
)
_CONFIGURATION: Final = Verdict(
    error=CredentialsError,
    problem="the AWS configuration of this machine cannot be used",
    way_out="correct ~/.aws/config, ~/.aws/credentials and the AWS_* variables",
)
_THROTTLED: Final = Verdict(
    error=QuotaError,
    problem="AWS still throttled this account after every retry",
    way_out="wait a minute, then ask for fewer regions at a time",
)
_NO_SUCH_PRICE: Final = Verdict(
    error=PriceMissingError,
    problem="AWS knows no price or instance type by these names",
    way_out="check the region, or leave it out",
)
_PAGES_BROKE: Final = Verdict(
    error=ProviderUnavailableError,
    problem="AWS lost its place between two pages of the answer",
    way_out="run the command again",
)
_UNREACHABLE: Final = Verdict(
    error=ProviderUnavailableError,
    problem="AWS cannot be reached from this machine",
    way_out="check the network, the region's name and any proxy, then try again",
)
_PROXY: Final = Verdict(
    error=ProviderUnavailableError,
    problem="the proxy in front of AWS does not work",
    way_out="correct HTTPS_PROXY and NO_PROXY, then try again",
)
_TLS: Final = Verdict(
    error=ProviderUnavailableError,
    problem="the secure connection to AWS could not be set up",
    way_out="check AWS_CA_BUNDLE and whatever inspects this network's traffic",
)
_BROKEN_ANSWER: Final = Verdict(
    error=ProviderUnavailableError,
    problem="the answer broke off or was not AWS's",
    way_out="check for a sign-in page or a proxy on this network, then try again",
)
_SERVER_ERROR: Final = Verdict(
    error=ProviderUnavailableError,
    problem="AWS answered with an error of its own after every retry",
    way_out="try again in some minutes",
)
_NO_ENDPOINT: Final = Verdict(
    error=ProviderUnavailableError,
    problem="the installed boto3 knows no address for this service in this region",
    way_out="check the region's name, or upgrade boto3",
)
_NOT_UNDERSTOOD: Final = Verdict(
    error=ProviderUnavailableError,
    problem="AWS and the installed boto3 do not understand each other",
    way_out="upgrade boto3 (`pip install -U boto3`); if that does not help, report it",
)

_MEANINGS: Final[tuple[tuple[Verdict, str], ...]] = (
    (
        _NO_CREDENTIALS,
        (
            "NoCredentialsError PartialCredentialsError CredentialRetrievalError "
            "NoAuthTokenError MetadataRetrievalError UnknownTokenProviderError "
            "UnknownCredentialError ProfileNotFound MissingAuthenticationToken "
            "MissingAuthenticationTokenException"
        ),
    ),
    (
        _EXPIRED,
        (
            "TokenRetrievalError SSOError LoginError RefreshWithMFAUnsupportedError "
            "ExpiredToken ExpiredTokenException RequestExpired"
        ),
    ),
    (
        _REFUSED,
        (
            "UnrecognizedClientException InvalidClientTokenId InvalidAccessKeyId "
            "SignatureDoesNotMatch InvalidSignatureException IncompleteSignature "
            "IncompleteSignatureException HTTP:401"
        ),
    ),
    (
        _NOT_ALLOWED,
        (
            "UnauthorizedOperation AccessDenied AccessDeniedException NotAuthorized "
            "HTTP:403"
        ),
    ),
    # EC2 says AuthFailure both to a wrong key and to a region not opted into. Prices
    # are always asked for first, so a wrong key has failed there already.
    (_NOT_OPTED_IN, "AuthFailure OptInRequired RegionDisabledException"),
    (_ACCOUNT_BLOCKED, "Blocked PendingVerification"),
    (
        _CONFIGURATION,
        (
            "ConfigParseError ConfigNotFound InvalidConfigError InvalidIMDSEndpointError "
            "InvalidIMDSEndpointModeError InvalidRetryConfigurationError "
            "InvalidDefaultsMode InvalidEndpointConfigurationError "
            "InvalidEndpointDiscoveryConfigurationError InvalidChecksumConfigError "
            "InvalidSTSRegionalEndpointsConfigError "
            "InvalidS3UsEast1RegionalEndpointConfigError InvalidS3AddressingStyleError "
            "UnsupportedS3ConfigurationError UnsupportedS3ControlConfigurationError "
            "EndpointVariantError"
        ),
    ),
    (
        _THROTTLED,
        (
            "Throttling ThrottlingException ThrottledException RequestThrottled "
            "RequestThrottledException TooManyRequestsException RequestLimitExceeded "
            "BandwidthLimitExceeded LimitExceededException SlowDown "
            "PriorRequestNotComplete EC2ThrottledException "
            "ProvisionedThroughputExceededException TransactionInProgressException "
            "HTTP:429"
        ),
    ),
    (
        _NO_SUCH_PRICE,
        (
            "NotFoundException InvalidParameterException InvalidParameterValue "
            "InvalidInstanceType"
        ),
    ),
    (
        _PAGES_BROKE,
        (
            "PaginationError InvalidNextTokenException ExpiredNextTokenException "
            "InvalidNextToken InvalidPaginationToken"
        ),
    ),
    (_UNREACHABLE, "ConnectionError HTTPClientError CapacityNotAvailableError"),
    (_PROXY, "ProxyConnectionError InvalidProxiesConfigError"),
    (_TLS, "SSLError"),
    (
        _BROKEN_ANSWER,
        (
            "ResponseStreamingError IncompleteReadError ResponseParserError ChecksumError "
            "FlexibleChecksumError AwsChunkedWrapperError EventStreamError"
        ),
    ),
    (
        _SERVER_ERROR,
        (
            "InternalError InternalErrorException InternalFailure ServiceUnavailable "
            "ServiceUnavailableException Unavailable RequestTimeout "
            "RequestTimeoutException HTTP:500 HTTP:502 HTTP:503 HTTP:504"
        ),
    ),
    (
        _NO_ENDPOINT,
        (
            "BaseEndpointResolverError EndpointProviderError ServiceNotInRegionError "
            "UnknownRegionError InvalidRegionError InvalidHostLabelError "
            "InvalidDNSNameError"
        ),
    ),
    (
        _NOT_UNDERSTOOD,
        (
            "ClientError DataNotFoundError ApiVersionNotFoundError MissingParametersError "
            "ValidationError ParamValidationError UnknownServiceStyle "
            "UnknownSignatureVersionError UnsupportedSignatureVersionError "
            "OperationNotPageableError UnseekableStreamError WaiterError "
            "WaiterConfigError InvalidExpressionError UnknownClientMethodError "
            "UnsupportedS3ArnError UnsupportedS3ControlArnError "
            "UnsupportedOutpostResourceError UnsupportedS3AccesspointConfigurationError "
            "StubResponseError MD5UnavailableError MissingDependencyException "
            "UndefinedModelAttributeError UnsupportedServiceProtocolsError"
        ),
    ),
)
VERDICTS: Final = {
    name: verdict for verdict, names in _MEANINGS for name in names.split()
}


def verdict_of(error: type[BaseException]) -> Verdict | None:
    """The table's row for an exception class, or for its nearest ancestor."""
    return next(
        (VERDICTS[c.__name__] for c in error.__mro__ if c.__name__ in VERDICTS), None
    )


@contextmanager
def aws_errors(asked_for: str) -> Iterator[None]:
    """Turn whatever botocore raises inside into one sentence of ours.

    Raises:
        CredentialsError: No credentials, or AWS refuses them.
        QuotaError: AWS throttled until the retries were spent.
        PriceMissingError: AWS does not know what was asked for.
        ProviderUnavailableError: No network, a server error, or a broken answer.
    """
    try:
        yield
    except ClientError as error:
        verdict, said = _read_refusal(error)
        raise _ours(verdict, asked_for, said) from error
    except (BotoCoreError, UndefinedModelAttributeError, ResponseParserError) as error:
        # A botocore newer than the table may bring a class that it does not list.
        verdict = verdict_of(type(error)) or _NOT_UNDERSTOOD
        raise _ours(verdict, asked_for, type(error).__name__) from error


def _read_refusal(error: ClientError) -> tuple[Verdict, str]:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    verdict = VERDICTS.get(code) or VERDICTS.get(f"HTTP:{status}")
    return verdict or VERDICTS[ClientError.__name__], f"{code or status}"


def _ours(verdict: Verdict, asked_for: str, said: str) -> CloudError:
    return verdict.error(f"{asked_for}: {verdict.problem} ({said}); {verdict.way_out}")
