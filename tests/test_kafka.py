"""A named cluster is taken as it is; without one and without Java the reason is said."""

from pathlib import Path

import pytest

from tests.kafka import Broker, require_kafka, running_broker


def without_java(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("TOCSIN_KAFKA_BOOTSTRAP", raising=False)


def test_a_lacking_kafka_is_a_skip_that_says_what_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_java(monkeypatch, tmp_path)
    monkeypatch.delenv("TOCSIN_REQUIRE_REAL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs Java, and there is none on PATH"):
        require_kafka()


def test_a_lacking_kafka_fails_where_everything_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_java(monkeypatch, tmp_path)
    monkeypatch.setenv("TOCSIN_REQUIRE_REAL", "1")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_REAL=1 forbids to skip"):
        require_kafka()


def test_a_named_cluster_is_taken_whatever_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_java(monkeypatch, tmp_path)
    monkeypatch.setenv("TOCSIN_KAFKA_BOOTSTRAP", "broker.example:9092")
    with running_broker(tmp_path) as broker:
        assert broker.bootstrap == "broker.example:9092"


def test_names_are_never_given_twice() -> None:
    broker = Broker("broker.example:9092")
    names = {broker.new_name("topic") for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("topic-") for name in names)
