import pytest

from pipeline.models.grouping.habit import BURST_FACTOR, BURST_MIN, FADE_MS, NEWS_MS, Habit, visit

HOUR_MS = 3_600_000


def after(instants: list[int]) -> Habit:
    habit = Habit()
    for at_ms in instants:
        visit(habit, at_ms)
    return habit


def test_the_first_alert_of_all_is_news_and_a_later_first_is_greater_news() -> None:
    assert after([0]).gap_ms >= NEWS_MS
    assert after([24 * HOUR_MS]).gap_ms > 5 * NEWS_MS


@pytest.mark.parametrize(("hours", "is_news"), [(1, False), (6, False), (12, True), (24, True)])
def test_what_comes_less_often_than_once_a_shift_stays_news(hours: int, is_news: bool) -> None:
    habit = after([number * hours * HOUR_MS for number in range(20)])
    assert (habit.gap_ms >= NEWS_MS) is is_news


def test_a_chatty_visit_is_one_visit() -> None:
    assert after(list(range(0, 10_000, 10))).visits == 1.0


def test_a_habit_that_ended_fades() -> None:
    often = [number * HOUR_MS for number in range(100)]
    assert after(often).gap_ms < NEWS_MS
    assert after([*often, often[-1] + 10 * FADE_MS]).gap_ms > NEWS_MS


def test_more_at_a_time_than_ever_is_a_burst_and_becomes_usual() -> None:
    habit = after([number * HOUR_MS for number in range(20)])
    first = [visit(habit, 30 * HOUR_MS + number) for number in range(50)]
    assert first.index(True) == BURST_FACTOR + BURST_MIN - 1
    assert all(first[first.index(True) :])
    assert not any(visit(habit, 31 * HOUR_MS + number) for number in range(50))
