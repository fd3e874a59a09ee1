"""The model decides a head where it is sure of it, the rules decide elsewhere."""

from __future__ import annotations

import pytest

from pipeline.domain.model import Belief
from pipeline.stages.classify.decide import decide, labels_of, said
from pipeline.stages.classify.rules import judge
from tests.stages.classify.given import incident, known

RULES = judge(known(incident(), team="web"))


def test_without_beliefs_the_rules_decide_and_say_so() -> None:
    made = decide(RULES, (), "", 7)
    assert made.version == "rules"
    assert made.decided_at_ms == 7
    assert made.category == RULES["category"]
    assert (made.noise_chance, made.self_resolving_chance) == (-1, -1)


def test_a_sure_model_decides_and_an_unsure_one_lists_its_candidates() -> None:
    beliefs = (
        Belief("category", "security/access", 0.93, ("security/access",), (("tls", 1.5),)),
        Belief("team", "db", 0.4, ("db", "web"), (("x", 1.0),)),
        Belief("noise", "no", 0.8, ("no",)),
        Belief("self_resolving", "yes", 0.6, ()),
        Belief("unheard-of", "x", 1.0, ("x",)),
    )
    made = decide(RULES, beliefs, "v7", 7)
    assert (made.category.label, made.category.reason) == ("security/access", "classify.model")
    assert made.category.confidence == 0.93
    assert made.category.evidence[0].feature == "tls"
    assert (made.team.label, made.team.candidates) == ("web", ("db", "web"))
    assert made.team.reason == "classify.catalog"
    assert made.noise_chance == pytest.approx(0.2)
    assert made.self_resolving_chance == pytest.approx(0.6)
    assert made.self_resolving.label == "no", "no candidate conforms: the rule decides"
    assert made.version == "v7"


def test_what_is_bounded_stays_so() -> None:
    many = tuple(f"t{n}" for n in range(50))
    evidence = tuple((f"f{n}", 1.0) for n in range(20))
    made = decide(
        RULES,
        (Belief("team", "t0", 0.1, many), Belief("category", "a", 1.0, ("a",), evidence)),
        "v",
        1,
    )
    assert len(made.team.candidates) == 10
    assert len(made.category.evidence) == 5


def test_it_is_said_in_one_sentence() -> None:
    made = decide(RULES, (Belief("category", "a/b", 0.91, ("a/b",), (("word", 2.0),)),), "v", 1)
    text = said(made)
    assert "category a/b 91% (word)" in text
    assert "team web (team=web)" in text
    assert "noise" not in text, "a rule that knows nothing says nothing"
    assert labels_of(made)["category"] == "a/b"


@pytest.mark.parametrize(
    ("beliefs", "quiet_from", "head"),
    [
        ((Belief("noise", "yes", 0.99, ("yes",)),), 0.95, "noise"),
        ((Belief("noise", "yes", 0.99, ("yes",)),), -1.0, ""),
        ((Belief("noise", "yes", 0.94, ("yes",)),), 0.95, ""),
        ((Belief("noise", "yes", 0.99, ("yes", "no")),), 0.95, ""),
        ((Belief("noise", "no", 0.01, ("no",)),), 0.95, ""),
        (
            (
                Belief("noise", "yes", 0.96, ("yes",)),
                Belief("self_resolving", "yes", 0.97, ("yes",)),
            ),
            0.95,
            "self_resolving",
        ),
    ],
)
def test_it_may_be_held_back_where_the_model_is_sure_enough(
    beliefs: tuple[Belief, ...], quiet_from: float, head: str
) -> None:
    made = decide(RULES, beliefs, "v", 1, quiet_from)
    assert made.quiet_head == head
    assert made.quiet_from == quiet_from
