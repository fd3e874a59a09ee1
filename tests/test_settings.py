"""The environment becomes typed settings, and references become secrets that no error shows."""

from pathlib import Path

import pytest

from pipeline.domain.errors import UsageError
from pipeline.domain.secret import Secret
from pipeline.settings import (
    SECRET_SIZE_BYTES_MAX,
    Settings,
    cache_folder,
    java_home,
    read_settings,
    secret_resolver,
)
from pipeline.topology.cluster import Cluster
from pipeline.topology.secrets import MissingSecret, is_reference


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"TOCSIN_DATA": "", "TOCSIN_OTHER": "x"}) == Settings()


def test_every_setting_is_read() -> None:
    settings = read_settings(
        {
            "TOCSIN_DATA": "state",
            "TOCSIN_CONFIG": "my.yaml",
            "TOCSIN_LISTEN": "0.0.0.0:0",
            "TOCSIN_URL": "http://tocsin.example/",
            "TOCSIN_TOKEN": "hunter2-hunter2-hunter2",
            "TOCSIN_PAGERDUTY_EVENTS_URL": "http://pd.example",
            "TOCSIN_LOG": "DEBUG",
        }
    )
    assert settings.data == Path("state")
    assert settings.config == Path("my.yaml")
    assert settings.listen == "0.0.0.0:0"
    assert settings.url == "http://tocsin.example"
    assert settings.token == Secret("hunter2-hunter2-hunter2")
    assert settings.pagerduty_events_url == "http://pd.example"
    assert settings.log == "debug"
    assert "hunter2" not in repr(settings)


def test_one_address_is_enough_for_a_kafka() -> None:
    found = read_settings({"TOCSIN_KAFKA_BOOTSTRAP": "a.example:9092,b.example:9093"}).kafka
    assert found == Cluster(bootstrap="a.example:9092,b.example:9093")


def test_every_setting_of_kafka_is_read() -> None:
    settings = read_settings(
        {
            "TOCSIN_KAFKA_BOOTSTRAP": "a.example:9092",
            "TOCSIN_KAFKA_SECURITY": "SASL_SSL",
            "TOCSIN_KAFKA_SASL_MECHANISM": "scram-sha-256",
            "TOCSIN_KAFKA_USERNAME": "tocsin",
            "TOCSIN_KAFKA_PASSWORD": "hunter2",
            "TOCSIN_KAFKA_CA": "~/ca.pem",
            "TOCSIN_KAFKA_CERTIFICATE": "client.pem",
            "TOCSIN_KAFKA_KEY": "client.key",
        }
    )
    assert settings.kafka == Cluster(
        bootstrap="a.example:9092",
        security="sasl_ssl",
        mechanism="SCRAM-SHA-256",
        username="tocsin",
        password=Secret("hunter2"),
        ca=Path.home() / "ca.pem",
        certificate=Path("client.pem"),
        key=Path("client.key"),
    )
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("BOOTSTRAP", "hunter2", "TOCSIN_KAFKA_BOOTSTRAP: 'hunter2' is no address"),
        ("SECURITY", "tls", "TOCSIN_KAFKA_SECURITY must be one of plaintext, ssl, sasl_plaintext"),
        ("SASL_MECHANISM", "GSSAPI", "TOCSIN_KAFKA_SASL_MECHANISM must be one of PLAIN, SCRAM"),
        ("PASSWORD", "hunter2", "are sent only with"),
        ("CA", "ca.pem", "are of use only with"),
    ],
)
def test_a_wrong_setting_of_kafka_is_named(name: str, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_settings({"TOCSIN_KAFKA_BOOTSTRAP": "a.example:9092", f"TOCSIN_KAFKA_{name}": text})


def test_a_kafka_without_an_address_is_refused() -> None:
    with pytest.raises(UsageError, match=r"TOCSIN_KAFKA_USERNAME is set, but .*BOOTSTRAP is not"):
        read_settings({"TOCSIN_KAFKA_USERNAME": "tocsin"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Path.home() / ".cache" / "tocsin"),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache" / "tocsin"),
        ({"XDG_CACHE_HOME": "/var/cache/own"}, Path("/var/cache/own/tocsin")),
    ],
)
def test_where_what_was_fetched_is_kept(environ: dict[str, str], expected: Path) -> None:
    assert cache_folder(environ) == expected


def test_which_java_is_meant() -> None:
    assert java_home({}) is None
    assert java_home({"JAVA_HOME": "/opt/java"}) == Path("/opt/java")


def test_an_unknown_level_of_logs_is_refused() -> None:
    with pytest.raises(UsageError, match="TOCSIN_LOG must be one of debug, info"):
        read_settings({"TOCSIN_LOG": "loud"})


@pytest.mark.parametrize(
    "token", ["hunter2", "hunter2-hunter2 2", "hunter2-hunter2\n", "hunter2-hünter2-2", "\x7f" * 20]
)
def test_a_token_that_no_header_carries_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(UsageError, match="TOCSIN_TOKEN must be at least 16 printable") as caught:
        read_settings({"TOCSIN_TOKEN": token})
    assert token not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_wrong_url_is_refused_by_the_name_of_its_variable() -> None:
    with pytest.raises(UsageError, match="TOCSIN_PAGERDUTY_EVENTS_URL must be a URL"):
        read_settings({"TOCSIN_PAGERDUTY_EVENTS_URL": "pd.example"})


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("env:KEY", True),
        ("file:secrets/key", True),
        ("file:/etc/tocsin/a key", True),
        ("env:", False),
        ("env:1KEY", False),
        ("file:", False),
        ("vault:kv/key", False),
        ("0123456789abcdef", False),
        ("env:KEY\nmore", False),
    ],
)
def test_what_is_a_reference(text: str, is_one: bool) -> None:
    assert is_reference(text) is is_one


def test_references_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n", encoding="utf-8")
    (tmp_path / "dos").write_bytes(b"hunter3\r\n")
    resolve = secret_resolver(tmp_path, {"KEY": "hunter1"})
    assert resolve("env:KEY") == Secret("hunter1")
    assert resolve("file:key") == Secret("hunter2")
    assert resolve("file:dos") == Secret("hunter3")
    assert resolve(f"file:{tmp_path / 'key'}") == Secret("hunter2")


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("env:ABSENT", "the environment variable ABSENT is not set"),
        ("env:EMPTY", "the environment variable EMPTY is empty"),
        ("file:absent", "cannot be read"),
        ("file:.", "cannot be read"),
        ("file:empty", "the file is empty"),
        ("file:large", f"more than {SECRET_SIZE_BYTES_MAX} bytes"),
        ("file:binary", "not UTF-8"),
    ],
)
def test_what_is_missing_is_said_by_its_reference(tmp_path: Path, reference: str, why: str) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "large").write_text("hunter2" * SECRET_SIZE_BYTES_MAX, encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"hunter2\xff")
    with pytest.raises(MissingSecret) as caught:
        secret_resolver(tmp_path, {"EMPTY": ""})(reference)
    assert caught.value.reference == reference
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)
