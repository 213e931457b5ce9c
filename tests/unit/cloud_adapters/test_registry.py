"""Providers are listed once, opened late, and refused by name."""

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

import cloud_adapters
from cloud_adapters.registry import price_source, providers
from planner.errors import (
    CredentialsError,
    MissingExtraError,
    SpecError,
    UnknownReferenceError,
)


@pytest.fixture(autouse=True)
def _no_profile_of_whoever_runs_this(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def test_the_list_of_providers_equals_the_folders():
    (root,) = cloud_adapters.__path__
    folders = {path.parent.name for path in Path(root).glob("*/__init__.py")}

    assert set(providers()) == folders


def test_an_unknown_provider_is_refused_with_the_nearest():
    with pytest.raises(UnknownReferenceError, match="'awz'; nearest: aws"):
        price_source("awz")


def test_a_provider_like_no_other_is_refused_with_all_there_are():
    with pytest.raises(UnknownReferenceError, match="nearest: aws"):
        price_source("quantum")


def test_without_boto3_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr("cloud_adapters.registry.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"deployment-planner\[aws\]"):
        price_source("aws")


def test_a_profile_that_does_not_exist_is_one_clear_message(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(CredentialsError, match="AWS_PROFILE"):
        price_source("aws", profile="no-such-profile")


def test_an_opened_source_asks_nobody_until_it_is_asked():
    source = price_source("aws", endpoints={"pricing": "http://127.0.0.1:9"})

    with pytest.raises(SpecError, match="region"):
        source.fetch([], on_progress=print)
    with pytest.raises(UnknownReferenceError, match="eu-central-1"):
        source.fetch(["eu-centrl-1"], on_progress=print)


def test_the_registry_the_fake_and_the_refresh_import_no_client_library():
    program = (
        "import sys, cloud_adapters.registry, cloud_adapters.fake, "
        "cloud_adapters.refresh, cloud_adapters.conformance\n"
        "print([m for m in ('boto3', 'botocore', 'pytest') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_prices_are_dated_by_a_clock_that_knows_its_zone():
    assert price_source("aws").clock().utcoffset() == dt.timedelta(0)
