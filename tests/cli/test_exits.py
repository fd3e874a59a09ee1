"""Exit codes: 0 done, 1 it did not work, 2 wrong usage; and every error is one clear sentence."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.tocsin import tocsin

NOT_THERE = "not-there"

WRONG_USAGE = [
    ("send",),
    ("send", "--name", "A", "--label", "team"),
    ("send", "--nonsense"),
    ("send", NOT_THERE, "--name", "A"),
    ("snooze", "x.1"),
    ("snooze", "x.1", "--for", "soon"),
    ("incidents", "--since", "soon"),
    ("incidents", "--severity", NOT_THERE),
    ("incidents", "--status", "open,nosuch"),
    ("silence", "list", "--state", NOT_THERE),
    ("silence", "add", "a=b"),
    ("silence", "add", "a=b", "--rrule", "FREQ=DAILY", "--for", "1h"),
    ("dead-letters", "redrive"),
    ("routes", "test", "critical"),
    ("receivers", "test", NOT_THERE),
    ("topology", "docs", "--only", NOT_THERE),
    ("run", "--listen", "9194"),
    ("run", "--listen", "0.0.0.0:0"),
    ("run", "--demo", "--listen", "0.0.0.0:0"),
    ("simulator", "--listen", "nowhere"),
    (NOT_THERE,),
]
DID_NOT_WORK = [
    ("send", NOT_THERE),
    ("send", "--name", "A"),
    ("incidents",),
    ("incident", "x.1"),
    ("ack", "x.1"),
    ("silence", "list"),
    ("dead-letters", "list"),
    ("topology", "lint", NOT_THERE),
    ("topology", "docs", NOT_THERE),
    ("routes", "test", "a=b", "--config", NOT_THERE),
    ("import", NOT_THERE),
    ("catalog", "load", NOT_THERE),
    ("replay",),
    ("backtest", "--model", "rules"),
    ("backtest", "--rules", NOT_THERE),
    ("backup", NOT_THERE),
    ("restore", NOT_THERE),
    ("run", "--config", NOT_THERE),
]


def call(arguments: tuple[str, ...], folder: Path) -> tuple[int, str, str]:
    environment = {"TOCSIN_DATA": str(folder / "data")}
    done = tocsin(*arguments, environment=environment, cwd=folder)
    return done.code, done.out, done.err


@pytest.mark.parametrize("arguments", WRONG_USAGE, ids=" ".join)
def test_wrong_usage_is_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    code, out, err = call(arguments, tmp_path)
    assert (code, out) == (2, "")
    assert err.strip()


@pytest.mark.parametrize("arguments", DID_NOT_WORK, ids=" ".join)
def test_what_did_not_work_is_1(arguments: tuple[str, ...], tmp_path: Path) -> None:
    code, _, err = call(arguments, tmp_path)
    assert code == 1
    assert err.strip() or arguments[0] == "topology"


@pytest.mark.parametrize("command", ["replay", "restore"])
def test_a_file_that_is_no_database_is_named(command: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database at all, only text " * 100)
    code, _, err = call((command, "notes.txt"), tmp_path)
    assert code == 1
    assert "notes.txt" in err


def test_an_alertmanager_file_that_is_not_there_has_its_own_hint(tmp_path: Path) -> None:
    _, _, err = call(("import", NOT_THERE), tmp_path)
    assert "--config" not in err
    assert "alertmanager.yml" in err


def test_where_nothing_runs_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    _, _, err = call(("incidents",), tmp_path)
    assert "`tocsin run`" in err
    assert "--url" in err


def test_what_answers_and_is_no_tocsin_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        other.close()
        done = tocsin("incidents", "--url", url)
    assert done.code == 1
    assert url in done.err


def test_an_address_in_use_tells_of_listen(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        for more in ((), ("--demo",)):
            code, out, err = call(("run", "--listen", where, *more), tmp_path)
            assert code == 1
            assert "ready" not in out
            assert f"{where} is in use" in err
            assert "--listen" in err


def test_lint_says_all_complaints_at_once_and_exits_with_1(tmp_path: Path) -> None:
    file = tmp_path / "topology.yaml"
    file.write_text("routes: {receiver: nobody}\ncorrelate: {quiet: soon}\nnonsense: 1\n")
    done = tocsin("topology", "lint", str(file))
    assert done.code == 1
    assert len(done.out.splitlines()) == 3
    found = tocsin("topology", "lint", str(file), "--json")
    assert found.code == 1
    assert found.json["is_valid"] is False
    assert [one["line"] for one in found.json["complaints"]] == [1, 2, 3]


def test_the_built_in_file_is_good() -> None:
    done = tocsin("topology", "lint")
    assert done.code == 0
    assert ": good" in done.out


def test_documents_are_written_into_a_folder(tmp_path: Path) -> None:
    done = tocsin("topology", "docs", "--out", str(tmp_path / "docs"), "--json")
    assert done.code == 0
    written = {Path(name).name for name in done.json["written"]}
    assert written == {"asyncapi.yaml", "stream.md", "topology-reference.md"}
    assert all((tmp_path / "docs" / name).is_file() for name in written)


def test_routes_show_which_way_labels_go(tmp_path: Path) -> None:
    done = tocsin("routes", "test", "severity=info")
    assert done.code == 0
    assert "told: none" in done.out
    found = tocsin("routes", "test", "severity=critical", "--json").json
    assert found["receivers"] == ["on-call"]
    assert [step["has_matched"] for step in found["steps"]] == [True, False]


def test_a_configuration_of_alertmanager_is_translated(tmp_path: Path) -> None:
    source, target = tmp_path / "alertmanager.yml", tmp_path / "topology.yaml"
    source.write_text(
        "global: {smtp_smarthost: 'mail:25'}\n"
        "route: {receiver: team, group_by: [alertname]}\n"
        "receivers: [{name: team, webhook_configs: [{url: 'http://example.org/hook'}]}]\n"
    )
    done = tocsin("import", str(source), "-o", str(target))
    assert done.code == 0, done.err
    assert "smtp_smarthost" in done.err
    assert "receiver: team" in target.read_text()
    again = tocsin("import", str(source), "-o", str(target))
    assert again.code == 1
    assert "--force" in again.err
    found = json.loads(tocsin("import", str(source), "--json").out)
    assert set(found) == {"text", "notes", "maintenances"}


def test_the_doctor_fails_on_rules_that_cannot_run(tmp_path: Path) -> None:
    file = tmp_path / "topology.yaml"
    file.write_text("nonsense: 1\n")
    done = tocsin("doctor", "--config", str(file), "--data", str(tmp_path), "--json")
    assert done.code == 1
    states = {one["name"]: one["state"] for one in done.json["findings"]}
    assert states["topology"] == "fail"
    assert states["versions"] == "ok"
