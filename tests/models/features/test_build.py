import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.model import ROWS_MAX, Subject
from pipeline.models.features import hashing
from pipeline.models.features.build import Builder
from pipeline.models.features.dense import COUNT, NAMES, dense, pressure
from pipeline.models.features.hashing import ROWS, RowCache, row_of
from pipeline.models.features.words import CHARS_MAX, WORDS_MAX, words, words_of_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("CPU load is 80%", ["cpu", "load", "is"]),
        ("web-01.example:9100", ["web", "example"]),
        ("a b c3d4", []),
        ("Größe überschritten", ["größe", "überschritten"]),
        ("x" * 99, ["x" * 24]),
    ],
)
def test_words_are_letters_only(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HostHighCpuLoad", ["host", "high", "cpu", "load"]),
        ("HighCPULoad", ["high", "cpu", "load"]),
        ("Host high CPU load", ["host", "high", "cpu", "load"]),
        ("KubePodCrashLooping5m", ["kube", "pod", "crash", "looping"]),
    ],
)
def test_a_name_in_camel_case_has_the_words_of_one_with_spaces(
    name: str, expected: list[str]
) -> None:
    assert words_of_name(name) == expected


def test_a_text_is_read_up_to_its_bounds() -> None:
    assert len(words("ab " * 10_000)) == WORDS_MAX
    assert words("a" * CHARS_MAX + " beyond") == ["a" * 24]


def test_a_row_depends_on_nothing_but_the_token() -> None:
    code = "from pipeline.models.features.hashing import row_of; print(row_of('service=web'))"
    rows = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert rows == {str(row_of("service=web"))}
    assert row_of("service=web") == 13_075


def test_the_memory_of_rows_is_bounded_and_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hashing, "CACHE_MAX", 10)
    cache = RowCache()
    for number in range(95):
        assert cache[f"t{number}"] == row_of(f"t{number}") < ROWS
        assert len(cache) <= 10


@given(st.builds(
    Subject,
    name=st.text(max_size=40),
    description=st.text(max_size=200),
    service=st.text(max_size=20),
    value=st.floats(),
    threshold=st.floats(),
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=20),
    texts=st.tuples(st.text(max_size=30)),
    tier=st.integers(-9, 9),
    dependents_count=st.integers(-9, 2**40),
    change_age_ms=st.integers(-9, 2**60),
    age_ms=st.integers(-(2**60), 2**60),
    at_ms=st.integers(-(2**60), 2**60),
))  # fmt: skip
def test_whatever_a_subject_holds_its_features_are_bounded(subject: Subject) -> None:
    features = Builder().features(subject)
    assert len(features.dense) == COUNT
    assert all(-1.0 <= each <= 1.0 for each in features.dense)
    assert 0 < len(features.rows) <= ROWS_MAX
    assert list(features.rows) == sorted(set(features.rows))
    assert all(
        row == row_of(token) for row, token in zip(features.rows, features.tokens, strict=True)
    )
    assert Builder().features(subject) == features


def test_two_senders_words_for_one_rule_share_most_rows() -> None:
    build = Builder().features
    one = build(Subject(name="HostHighCpuLoad", service="web", environment="production"))
    other = build(Subject(name="Host high CPU load", service="web", environment="production"))
    assert one.rows == other.rows
    third = build(Subject(name="PostgresqlDown", service="db", environment="staging"))
    assert len(set(one.rows) & set(third.rows)) < len(one.rows) / 2


def test_the_figures_say_what_their_names_say() -> None:
    wednesday_noon = 1_767_225_600_000 + 6 * 86_400_000 + 12 * 3_600_000
    subject = Subject(
        name="x", severity="critical", tier=2, value=200.0, threshold=100.0,
        change_age_ms=1_800_000, at_ms=wednesday_noon,
    )  # fmt: skip
    found = dict(zip(NAMES, dense(subject, []), strict=True))
    assert found["severity"] == 1.0
    assert found["tier"] == 0.5
    assert found["change"] == 0.5
    assert found["excess"] == pytest.approx(math.log(2) / 3)
    assert found["hour_cos"] == pytest.approx(-1.0)
    assert found["weekend"] == 0.0
    saturday = Subject(name="x", at_ms=wednesday_noon + 3 * 86_400_000)
    assert dict(zip(NAMES, dense(saturday, []), strict=True))["weekend"] == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("customers lost revenue asap", 1.0), ("known flaky test", -1.0), ("we look at it", 0.0)],
)
def test_the_tone_of_people(text: str, expected: float) -> None:
    assert pressure(words(text)) == expected
