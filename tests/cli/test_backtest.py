"""`tocsin backtest`: a folder that `tocsin run` left, through other rules, beside what happened."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import TOPOLOGY, Running
from tests.cli.tocsin import Done, tocsin
from tests.wait import wait_until

NOBODY = "# only this differs\nroutes: {receiver: none}\n"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Tocsin that paged thrice: somebody acknowledged one, one ended by itself, one lasts."""
    world = Running(tmp_path_factory.mktemp("past"), TOPOLOGY)
    loud = world.incident("Loud", labels={"team": "payments"})
    world.incident("Quiet", labels={"team": "search"})
    world.incident("Lasting", labels={"team": "search"})
    wait_until(lambda: len(world.effective()) == 3, what="three pages")
    assert world.call("ack", loud, "--by", "ann").code == 0
    world.post(["Quiet"], service="quiet", status="resolved", labels={"team": "search"})

    def is_over() -> bool:
        rows = world.call("incidents", "-q", "Quiet", "--status", "any", "--json").json
        return bool(rows["incidents"][0]["status"] == "resolved")

    wait_until(is_over, what="the end of Quiet")
    assert world.tocsin.stop() == 0
    yield world
    world.end()


def tried(past: Running, folder: Path, text: str, *options: str) -> Done:
    """A backtest of the rules in a file with that text."""
    file = folder / "other.yaml"
    file.write_text(text, encoding="utf-8")
    return past.call("backtest", "--rules", str(file), *options)


def test_a_section_that_differs_is_enough(past: Running, tmp_path: Path) -> None:
    done = tried(past, tmp_path, NOBODY, "--json")
    assert done.code == 0, done.err
    found = done.json
    kinds = [(each["kind"], each["title"], each["team"]) for each in found["differences"]]
    assert kinds == [
        ("missed", "Loud on loud", "payments"),
        ("saved", "Quiet on quiet", "search"),
        ("undecided", "Lasting on lasting", "search"),
    ]
    assert (found["total"]["before"], found["total"]["after"]) == (3, 0)
    assert [row["team"] for row in found["teams"]] == ["payments", "search"]
    assert found["differences"][0]["fate_text"] == "ann acknowledged it"
    assert "says `receiver: none`" in found["differences"][0]["other_why"]
    assert found["counts"]["unequal_epochs"] == 0
    assert found["counts"]["records_per_s"] > 0


def test_people_read_a_table_and_both_reasons(past: Running, tmp_path: Path) -> None:
    done = tried(past, tmp_path, NOBODY)
    assert done.code == 0, done.err
    for text in (
        "3 pages as it was, 0 with",
        "missed",
        "as it was: on-call is told first, by routes",
        "otherwise: nobody is told: routes says `receiver: none`",
        "what became of it: it ended by itself, and nobody had touched it",
        "a second in both runs",
        "1 order answered pages that the other run did not send",
    ):
        assert text in done.out


def test_the_rules_that_decided_differ_in_nothing(past: Running) -> None:
    done = past.call("backtest", "--rules", str(past.config))
    assert done.code == 0, done.err
    assert "3 pages as it was, 3 with" in done.out
    assert "nothing differs" in done.out
    same = past.call("backtest", "--model", "rules", "--json").json
    assert (same["differences"], same["version"]) == ([], "rules")


def test_the_folder_is_only_read(past: Running, tmp_path: Path) -> None:
    def seen() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in past.data.rglob("*")
            if path.is_file()
        }

    before = seen()
    assert tried(past, tmp_path, NOBODY).code == 0
    assert seen() == before
    assert len(past.effective()) == 3


def test_a_picture_stands_by_itself(past: Running, tmp_path: Path) -> None:
    file = tmp_path / "picture.svg"
    assert tried(past, tmp_path, NOBODY, "--svg", str(file)).code == 0
    root = ET.fromstring(file.read_text(encoding="utf-8"))
    texts = [each.text for each in root.iter() if each.text]
    assert "payments" in texts
    assert "1 missed" in texts
    assert "http" not in file.read_text(encoding="utf-8").replace("http://www.w3.org", "")


def test_it_runs_beside_tocsin_and_on_a_backup(past: Running, tmp_path: Path) -> None:
    past.restart()
    beside = tried(past, tmp_path, NOBODY, "--json")
    backup = tmp_path / "backup.db"
    assert past.call("backup", str(backup)).code == 0
    assert past.tocsin.stop() == 0
    assert beside.json["total"]["missed"] == 1, beside.err
    done = tocsin("backtest", str(backup), "--rules", str(tmp_path / "other.yaml"), "--json")
    assert done.json["total"]["missed"] == 1, done.err


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("routes: {receiver: nobody-there}\n", 1, "other.yaml:1:"),
        ("# first\nroute: {receiver: none}\n", 1, "other.yaml:2:1: route: there is no 'route'"),
        ("routes: [\n", 1, "not YAML"),
        ("", 2, "states nothing"),
        ("scope: [cluster]\n", 2, "the scope differs"),
        ("{routes: {receiver: none}}\n", 2, "state the whole topology.yaml"),
        ("receivers: {other: {sink: pagerduty, routing_key: 'env:K'}}\n", 2, "state the whole"),
    ],
)
def test_rules_that_are_wrong_are_named(
    past: Running, tmp_path: Path, text: str, code: int, says: str
) -> None:
    done = tried(past, tmp_path, text)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ((), 2, "either --rules FILE or --model NAME"),
        (("--model", "rules", "--rules", "x.yaml"), 2, "either --rules FILE or --model NAME"),
        (("--model", "nobody@default"), 2, "there is no model and no version 'nobody@default'"),
        (("--rules", "not-there.yaml"), 1, "name another with --rules"),
        (("--model", "rules", "--from", "1h", "--to", "2h"), 2, "the range is empty"),
        (("--model", "rules", "--from", "2001-01-01", "--to", "2001-01-02"), 1, "a later --from"),
        (("--model", "rules", "--from", "soon"), 2, "is no time"),
    ],
)
def test_what_cannot_be_is_said(
    past: Running, options: tuple[str, ...], code: int, says: str
) -> None:
    done = past.call("backtest", *options)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


def test_on_kafka_it_is_not_there_yet(past: Running, tmp_path: Path) -> None:
    kafka = {"TOCSIN_KAFKA_BOOTSTRAP": "broker.invalid:9092"}
    done = tocsin("backtest", "--model", "rules", environment=kafka, cwd=tmp_path)
    assert done.code == 2
    assert "what is on Kafka it cannot read yet" in done.err
    named = ("--data", str(past.data))
    assert tocsin("backtest", "--model", "rules", *named, environment=kafka).code == 0
