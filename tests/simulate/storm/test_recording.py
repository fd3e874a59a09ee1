"""A recording is read as it was written, and its instants move together."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate.storm import Step, play, read_recording
from pipeline.simulate.storm.play import Answered
from pipeline.simulate.storm.recording import FILE, FOLDER, Recording, moved
from pipeline.stages.enrich.catalog import parse_services

HEAD = b'{"recorded_at": "2000-01-01T00:00:00.000Z", "by": "hand"}\n'


def write(folder: Path, *lines: bytes) -> Path:
    path = folder / "storm.jsonl"
    path.write_bytes(HEAD + b"\n".join(lines))
    return path


def test_bodies_keep_their_bytes_and_again_repeats_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        b'{"at_ms": 5, "path": "/a", "body": {"b": 1,  "a": 2}}',
        b'{"at_ms": 6, "path": "/a", "text": "no json"}',
        b'{"at_ms": 7, "again": 0}',
    )
    recording = read_recording(path)
    assert recording.recorded_at_ms == 946_684_800_000
    assert recording.steps == (
        Step(5, "/a", b'{"b": 1,  "a": 2}'),
        Step(6, "/a", b"no json"),
        Step(7, "/a", b'{"b": 1,  "a": 2}'),
    )
    assert recording.length_ms == 7


@pytest.mark.parametrize(
    "line", [b'{"at_ms": 1, "again": 0}', b'{"at_ms": "x"}', b"[]", b'{"at_ms": 1, "no": 2}']
)
def test_what_is_no_line_of_a_recording_is_refused(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_recording(write(tmp_path, line))


def test_instants_move_and_zero_time_stays() -> None:
    body = b'{"a":"2000-01-01T00:00:01.500Z","b":"0001-01-01T00:00:00Z","c":"at 2000-01-01"}'
    assert moved(body, 86_400_000) == (
        b'{"a":"2000-01-02T00:00:01.500Z","b":"0001-01-01T00:00:00Z","c":"at 2000-01-01"}'
    )


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=10**12))
def test_moving_twice_is_moving_once_by_the_sum(first: int, second: int) -> None:
    body = b'{"a":"2000-01-01T00:00:00.000Z"}'
    assert moved(moved(body, first), second) == moved(body, first + second)


async def test_play_counts_what_was_accepted_and_refused() -> None:
    recording = Recording(0, "hand", (Step(0, "/good", b"g"), Step(0, "/bad", b"b")))
    answers = {"/good": (202, b'{"accepted":3,"refused":[{"index":1}]}'), "/bad": (400, b"?")}
    heard: list[Answered] = []

    async def post(path: str, body: bytes) -> tuple[int, bytes]:
        return answers[path]

    await play(recording, post, heard.append, start_ms=0)
    assert [(one.status, one.accepted, one.refused) for one in heard] == [(202, 3, 1), (400, 0, 1)]


def test_the_storm_is_small_ordered_and_holds_what_it_promises() -> None:
    assert FILE.stat().st_size <= 300_000
    recording = read_recording()
    times = [step.at_ms for step in recording.steps]
    assert times == sorted(times)
    bodies = [step.body for step in recording.steps if step.path.endswith("/alertmanager")]
    decoded = [msgspec.json.decode(body) for body in bodies]
    assert {one["version"] for one in decoded} == {"4"}
    assert {one["status"] for one in decoded} == {"firing", "resolved"}
    assert all(alert["fingerprint"] for one in decoded for alert in one["alerts"])
    assert len(bodies) > len(set(bodies)) * 1.9


def test_the_catalog_of_the_storm_has_no_faults() -> None:
    import yaml

    document = yaml.safe_load((FOLDER / "catalog.yaml").read_text(encoding="utf-8"))
    catalog = parse_services([document], ["catalog.yaml"])
    assert not catalog.complaints
    assert len(catalog.services) == 12
