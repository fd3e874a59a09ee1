"""`tocsin anomaly`: files as people have them, what is found, and what it says of other files."""

from __future__ import annotations

import gzip
import math
import random
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from pipeline.cli.series_file import SeriesFile, instant_ms, read
from pipeline.cli.series_plot import columns, span, terminal
from pipeline.domain.errors import StoreError, UsageError
from pipeline.domain.series import Reading
from tests.cli.tocsin import tocsin

SPIKE = 1500


def rows(count: int = 2000, step_minutes: int = 5) -> list[tuple[datetime, float]]:
    dice, first = random.Random(1), datetime(2026, 11, 1, tzinfo=UTC)
    return [
        (
            first + timedelta(minutes=step_minutes * index),
            50.0
            + 20.0 * math.sin(2 * math.pi * index * step_minutes / 1440)
            + dice.gauss(0.0, 2.0)
            + 60.0 * (index == SPIKE),
        )
        for index in range(count)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "load.csv"
    lines = [f"{at:%Y-%m-%d %H:%M:%S},{value}" for at, value in rows()]
    path.write_text("\n".join(("timestamp,load", *lines)), encoding="utf-8")
    return path


def test_a_spike_is_listed_with_what_was_expected(file: Path) -> None:
    done = tocsin("anomaly", str(file), "--json")
    found = msgspec.json.decode(done.out)

    assert (done.code, done.err) == (0, "")
    assert (found["points"], found["column"], found["gaps"], found["missing"]) == (
        2000, "load", 0, 0,
    )  # fmt: skip
    spikes = [each for each in found["anomalies"] if each["time"] == "2026-11-06 05:00:00"]
    assert len(spikes) == 1
    assert spikes[0]["low"] < spikes[0]["expected"] < spikes[0]["high"] < spikes[0]["value"]
    assert spikes[0]["views"]


def test_a_person_gets_a_picture_and_a_table(file: Path) -> None:
    done = tocsin("anomaly", str(file))

    assert done.code == 0
    assert "2,000 points, 2026-11-01 00:00:00 to" in done.out
    assert "▲" in done.out
    assert "2026-11-06 05:00:00" in done.out


def test_the_svg_is_whole_and_marks_each_alarm(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "load.svg"
    done = tocsin("anomaly", str(file), "--svg", str(picture), "--json")
    root = ET.fromstring(picture.read_text(encoding="utf-8"))
    marks = root.findall("{http://www.w3.org/2000/svg}circle")

    assert done.code == 0
    assert 1 <= len(marks) <= len(msgspec.json.decode(done.out)["anomalies"])
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "load, load.csv"


def written(tmp_path: Path, text: str, name: str = "some.csv") -> SeriesFile:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read(path)


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01 00:05:00,2\n",
        "\ufeffvalue,time\n1,2026-01-01T00:00:00Z\n2,2026-01-01T01:05:00+01:00\n",
        "2026-01-01T00:00:00,1\r\n2026-01-01T00:05:00,2\r\n",
        "when;much\n2026/01/01 00:00;1,0\n2026/01/01 00:05;2,0\n",
        "ts\thost\tvalue\n1767225600\ta\t1\n1767225900\tb\t2",
        "date,value\n1767225600000,1\n\n1767225900000,2\n",
        'time,"y"\n"2026-01-01 00:05","2"\n"2026-01-01 00:00","1"\n',
    ],
)
@pytest.mark.parametrize("name", ["some.csv", "some.csv.gz"])
def test_files_are_read_as_people_have_them(tmp_path: Path, text: str, name: str) -> None:
    series = written(tmp_path, text, name)

    assert [(each.at_ms, each.value) for each in series.points] == [
        (1_767_225_600_000, 1.0),
        (1_767_225_900_000, 2.0),
    ]


def test_a_first_row_without_a_value_is_no_head(tmp_path: Path) -> None:
    series = written(tmp_path, "2026-01-01,\n2026-01-02,2\n")

    assert (len(series.points), series.missing_count, series.name) == (2, 1, "value")


def test_standard_input_is_a_file_too(file: Path) -> None:
    done = tocsin("anomaly", "-", "--json", stdin=file.read_text(encoding="utf-8"))

    assert msgspec.json.decode(done.out)["points"] == 2000


def test_what_is_missing_or_late_is_counted(tmp_path: Path) -> None:
    lines = [f"{1767225600 + 60 * minute},{minute}" for minute in range(10)]
    lines += ["1767232800,nan", "1767232860,", "1767232740,4"]
    series = written(tmp_path, "\n".join(("at,value", *lines)))

    assert (series.missing_count, series.gaps_count, series.was_unordered) == (2, 1, True)
    assert series.gap_max_ms == 1767232740_000 - (1767225600 + 540) * 1000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("time,value\n", "no rows"),
        ("time,value\nyesterday,1\n", "some.csv:2: 'yesterday' is no time"),
        ("time,value\n2026-01-01,one\n", "some.csv:2: 'one' in column value is no number"),
        ("time,value\n2026-01-01\n", "some.csv:2 has 1 columns"),
    ],
)
def test_what_is_no_series_says_where_and_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        written(tmp_path, text)


@pytest.mark.parametrize(
    ("time", "value", "says"),
    [("when", "", "the columns are timestamp, load"), ("", "3", "--value '3'"), ("1", "1", "two")],
)
def test_a_column_that_is_not_there_is_refused(
    file: Path, time: str, value: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        read(file, time, value)


def test_columns_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("a,b,c\n1,2026-01-01,7\n", encoding="utf-8")

    assert read(path, "b", "c").points[0].value == 7.0
    assert read(path, "2", "1").points[0].value == 1.0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("no-such-file.csv",), 1, "no-such-file.csv"),
        ((), 2, "FILE.csv"),
    ],
)
def test_errors_are_sentences(arguments: tuple[str, ...], code: int, says: str) -> None:
    done = tocsin("anomaly", *arguments)

    assert done.code == code
    assert says in done.err
    assert "Traceback" not in done.err


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    for name, raw in (("a.csv", b"\xff\xfe\x00time"), ("b.csv.gz", b"no gzip at all")):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(StoreError, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("20260101", 1_767_225_600_000),
        ("2026-01-01T00:00:00.250Z", 1_767_225_600_250),
        ("1767225600.5", 1_767_225_600_500),
        ("nan", None),
        ("1e999", None),
        ("", None),
    ],
)
def test_times_mean_what_they_look_like(text: str, at_ms: int | None) -> None:
    assert instant_ms(text) == at_ms


def test_few_points_are_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("time,value\n2026-01-01,1\n", encoding="utf-8")

    assert "nothing can be said yet" in tocsin("anomaly", str(path)).out


def test_no_spike_is_lost_in_a_narrow_picture() -> None:
    made = [Reading(at_ms=index, value=1000.0 * (index == 777)) for index in range(5000)]
    shown = columns(made, 20)

    assert span(shown) == (0.0, 1000.0)
    assert [index for index, each in enumerate(shown) if each.high == 1000.0] == [3]
    assert len(terminal(made, 30, 6)) == 7


@pytest.mark.parametrize("value", [5.0, math.nan])
def test_a_constant_and_nothing_at_all_can_be_drawn(value: float) -> None:
    made = [Reading(at_ms=0, value=value)] * 3

    low, high = span(columns(made, 4))
    assert low < high
    assert len(terminal(made, 10, 4)) == 5
