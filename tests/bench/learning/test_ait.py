import pytest

from tests.bench.learning.ait import Alert, Group, by_rule, figures, pooled

DAY_S = 86_400


def alert(at_s: int, label: str = "-", host: str = "web") -> Alert:
    return Alert(at_s, host, "name", "false_positive" if label == "-" else label, label)


def test_the_figures_of_a_grouping_that_can_be_counted_by_hand() -> None:
    usual = Group([alert(0), alert(10), alert(2 * DAY_S)])
    scan = Group([alert(100, "scan"), alert(101, "scan"), alert(102, "shell"), alert(103)], True)
    lost = Group([alert(200, "scan")])
    false = Group([alert(300)], True)
    groups = [usual, scan, lost, false]
    alerts = sorted((a for g in groups for a in g.alerts), key=lambda each: each.at_s)
    found = figures(alerts, groups)
    assert found.reduction == pytest.approx(1 - 4 / 9)
    assert found.purity == pytest.approx((2 / 4 + 1) / 2)
    assert found.attack_share == pytest.approx((2 / 4 + 1) / 2)
    assert found.false_per_day == pytest.approx(1 / 2)
    assert found.found == 1.0
    assert found.gathered == pytest.approx((2 / 3 + 1) / 2)
    assert not found.is_kept


def test_an_attack_among_many_others_is_pure_but_has_a_small_share() -> None:
    group = Group([alert(at) for at in range(99)] + [alert(DAY_S, "scan")], True)
    found = figures(group.alerts, [group])
    assert (found.purity, found.attack_share) == pytest.approx((0.99, 0.01))


def test_pooled_figures_weigh_scenarios_by_what_they_count() -> None:
    one = [Group([alert(0), alert(DAY_S, "scan")], True)]
    two = [Group([alert(0, "scan")], True), Group([alert(1)], True), Group([alert(3 * DAY_S)])]
    parts = [([a for g in groups for a in g.alerts], groups) for groups in (one, two)]
    found = pooled([(alerts, groups, figures(alerts, groups)) for alerts, groups in parts])
    assert found.reduction == pytest.approx(1 - 4 / 5)
    assert found.purity == pytest.approx((0.5 + 1) / 2)
    assert found.false_per_day == pytest.approx(1 / 4)
    assert found.found == 1.0


def test_a_simple_rule_ends_a_group_after_its_gap() -> None:
    alerts = [alert(0), alert(2), alert(3, host="mail"), alert(5), alert(7)]
    sizes = [len(each.alerts) for each in by_rule(alerts, 2, lambda each: each.host)]
    assert sizes == [2, 1, 2]
