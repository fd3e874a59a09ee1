"""The host runs on what it was written against, and says what else it was given."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from typing import Any

import pytest
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.record import default_records

from pipeline.hosts.faust.client.check import AIOKAFKA, Mismatch, Part, check, complaints_about
from pipeline.hosts.faust.client.group import EpochConsumer, EpochCoordinator
from pipeline.hosts.faust.client.records import FETCHER, EpochFetcher, EpochRecords

CLASSES = {
    "aiokafka.consumer.consumer:AIOKafkaConsumer": (AIOKafkaConsumer, EpochConsumer),
    "aiokafka.consumer.fetcher:Fetcher": (Fetcher, EpochFetcher),
    "aiokafka.consumer.fetcher:PartitionRecords": (PartitionRecords, EpochRecords),
    "aiokafka.consumer.group_coordinator:GroupCoordinator": (GroupCoordinator, EpochCoordinator),
}


def test_what_is_installed_is_what_is_overridden() -> None:
    check(AIOKAFKA, FETCHER)
    assert complaints_about(AIOKAFKA) == complaints_about(FETCHER) == []


@pytest.mark.parametrize("name", CLASSES)
def test_everything_that_is_overridden_is_looked_at(name: str) -> None:
    base, ours = CLASSES[name]
    overridden = {
        f"{name}.{each}"
        for each, value in vars(ours).items()
        if callable(value) and hasattr(base, each) and not each.startswith("__")
    }
    assert overridden
    assert overridden <= {*AIOKAFKA.overridden, *FETCHER.overridden}


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "0.15.0")
    with pytest.raises(Mismatch, match=r"aiokafka is 0.15.0, and 0.14.0 is needed.*lock"):
        check(AIOKAFKA)


def test_a_library_that_is_not_there_is_named() -> None:
    with pytest.raises(Mismatch, match=r"nowhere 1.0 is not installed"):
        check(Part("nowhere", "1.0", {}, {}))


def _takes_more(_self: object, _request: object, _retries: int) -> None: ...


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda patch: patch.setattr(GroupCoordinator, "_send_req", _takes_more), "_retries"),
        (
            lambda patch: patch.delattr(GroupCoordinator, "_do_heartbeat"),
            "_do_heartbeat is missing",
        ),
        (
            lambda patch: patch.delattr(GroupCoordinator, "request_rejoin"),
            "is missing, and .. is used",
        ),
        (
            lambda patch: patch.setattr(
                default_records,
                "DefaultRecordBatchBuilder",
                default_records._DefaultRecordBatchBuilderPy,
            ),
            "not the compiled class",
        ),
    ],
)
def test_a_part_that_differs_is_named(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None], said: str
) -> None:
    change(monkeypatch)
    with pytest.raises(Mismatch, match=said) as caught:
        check(AIOKAFKA)
    assert len(caught.value.complaints) == 1
