"""What people do at the command line, against a real running Tocsin and its receiver."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Running
from tests.wait import wait_until


def test_an_alert_from_flags_becomes_an_incident_with_its_trace(running: Running) -> None:
    sent = running.call(
        "send",
        *("--name", "DiskFull", "--service", "db", "--severity", "critical"),
        *("--label", "team=storage", "--annotation", "note=97 %"),
    )
    assert sent.code == 0
    assert sent.out.startswith("accepted 1 alert (trace ")
    wait_until(lambda: "DiskFull on db" in running.effective(), what="it paged")

    def delivered() -> str:
        rows = running.call("incidents", "-q", "DiskFull", "--json").json["incidents"]
        told = [one["result"] for one in rows[0]["routing"]["deliveries"]] if rows else []
        return str(rows[0]["incident_id"]) if told == ["delivered"] else ""

    incident_id = wait_until(delivered, what="its receipt")
    shown = running.call("incident", incident_id).out
    for part in (
        "DiskFull on db",
        "by-service:service=db (rule by-service)",
        "correlate.opened",
        "route.first",
        "on-call: trigger delivered",
        "Timeline",
    ):
        assert part in shown
    whole = running.call("incident", incident_id, "--json").json
    assert whole["labels"]["team"] == "storage"
    assert [receipt["result"] for receipt in whole["receipts"]] == ["delivered"]


def test_a_batch_with_good_and_bad_members(running: Running) -> None:
    batch = [{"name": "Fine", "status": "firing", "severity": "info"}, {"status": "firing"}]
    done = running.call("send", "-", stdin=json.dumps(batch))
    assert done.code == 1
    assert "accepted 1 alert " in done.out
    assert "refused [1] [1].name" in done.err


def test_an_idempotency_key_makes_a_repetition_harmless(running: Running) -> None:
    arguments = ("send", "--name", "Once", "--severity", "critical", "--idempotency-key", "k1")
    assert [running.call(*arguments).code for _ in range(2)] == [0, 0]
    incident_id = running.incident("After")
    whole = running.call("incidents", "-q", "Once", "--json").json["incidents"]
    assert [one["event_count"] for one in whole] == [1]
    assert incident_id


def test_a_classification_is_explained(running: Running) -> None:
    found = running.incident("KafkaLag", severity="critical")
    shown = running.call("models", "explain", found).out
    assert "application/messaging   words" in shown
    assert "decided" in shown
    assert "by rules" in shown
    explained = running.call("models", "explain", found, "--json").json
    assert explained["urgency"]["label"] == "high"
    assert explained["version"] == "rules"
    assert "Classification" in running.call("incident", found).out
    assert "no model has a snapshot yet" in running.call("models", "list").out
    assert running.call("models", "list", "--json").json == {"models": []}


def test_people_order_and_hear_what_came_of_it(running: Running) -> None:
    first, second = running.incident("Alpha"), running.incident("Beta")
    assert running.call("ack", first, second, "--by", "anna").out == (
        f"acknowledged {first}: Alpha on alpha\nacknowledged {second}: Beta on beta\n"
    )
    assert running.call("note", first, "the disk is being replaced").code == 0
    assert running.call("reassign", first, "--to", "bert").code == 0
    assert running.call("override", first, "--severity", "error").code == 0
    assert running.call("not-useful", first).out.startswith(f"called not useful: {first}")
    assert running.call("page", first).out.startswith(f"to be told at once: {first}")
    assert running.call("snooze", first, "--for", "1h").code == 0
    whole = running.call("incident", first, "--json").json
    assert whole["status"] == "acknowledged"
    assert whole["acknowledged_by"] == "anna"
    assert whole["assigned_to"] == "bert"
    assert whole["severity"] == "error"
    assert whole["snoozed_until_ms"] > whole["opened_at_ms"]
    assert [note["text"] for note in whole["notes"]] == ["the disk is being replaced"]
    assert running.call("merge", second, "--into", first).code == 0
    assert running.call("incident", second, "--json").json["merged_into"] == first
    assert running.call("split", first, "beta").out.startswith(f"split {first}")
    assert [one["title"] for one in running.call("incidents", "--json").json["incidents"]].count(
        "Beta on beta"
    )
    assert running.call("resolve", first).code == 0
    assert running.call("incident", first, "--json").json["status"] == "resolved"


def test_one_order_that_is_refused_keeps_none_of_the_others_back(running: Running) -> None:
    known = running.incident("Gamma")
    done = running.call("ack", "0000.1", known)
    assert done.code == 1
    assert done.out == f"acknowledged {known}: Gamma on gamma\n"
    assert "0000.1" in done.err
    assert running.call("resolve", known).code == 0
    answers = running.call("ack", known, "0000.1", "--json")
    assert [one["result"] for one in answers.json["answers"]] == ["refused", "refused"]
    assert answers.code == 1


def test_a_silence_from_preview_to_its_end(running: Running) -> None:
    incident_id = running.incident("Muted")
    matcher = 'service="muted"'
    preview = running.call("silence", "preview", matcher)
    assert "would mute 1 open incident," in preview.out
    assert incident_id in preview.out
    added = running.call("silence", "add", matcher, "--for", "2h", "--comment", "a test", "--json")
    silence_id = added.json["silence_id"]
    assert added.json["ends_at_ms"] - added.json["starts_at_ms"] == 7_200_000

    def listed(state: str) -> list[str]:
        rows = running.call("silence", "list", "--state", state, "--json").json["silences"]
        return [row["silence_id"] for row in rows]

    wait_until(lambda: silence_id in listed("pending,active"), what="it is listed")
    assert "a test" in running.call("silence", "list").out
    assert running.call("silence", "expire", silence_id).code == 0
    wait_until(lambda: silence_id in listed("expired"), what="it ended")


def test_a_maintenance_has_its_windows(running: Running) -> None:
    done = running.call(
        *("silence", "preview", 'service="x"', "--rrule", "FREQ=DAILY"),
        *("--for", "1h", "--until", "2099-01-01", "--time-zone", "Europe/Berlin", "--json"),
    )
    assert done.code == 0
    assert len(done.json["windows"]) == 5
    # The first one has begun already: it is shown from its beginning or from here on.
    assert all(one["end_ms"] - one["start_ms"] == 3_600_000 for one in done.json["windows"][1:])


def test_a_maintenance_says_when_it_mutes_next_and_is_refused_where_it_never_does(
    running: Running,
) -> None:
    yearly = ("silence", "add", 'service="x"', "--for", "1h", "--until", "2099-01-01", "--rrule")
    done = running.call(*yearly, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31")
    assert done.code == 1
    assert "no occurrence" in done.err
    done = running.call(*yearly, "FREQ=DAILY;BYHOUR=3;BYMINUTE=0")
    assert done.code == 0
    assert "mutes next from" in done.out
    assert " 03:00:" in done.out
    listed = running.call("silence", "list").out
    assert " in " in listed
    running.call("silence", "expire", done.out.split()[0])


def test_a_dead_letter_is_shown_and_redriven(running: Running) -> None:
    batch = [{"name": "Whole", "status": "firing", "severity": "info"}, {"nome": "Half"}]
    running.call("send", "-", stdin=json.dumps(batch))

    def find() -> str:
        for row in running.call("dead-letters", "list", "--json").json["dead_letters"]:
            if "Half" in running.call("dead-letters", "show", row["dead_letter_id"]).out:
                return str(row["dead_letter_id"])
        return ""

    letter = wait_until(find, what="the dead letter")
    assert "name" in running.call("dead-letters", "show", letter, "--json").json["detail"]
    redriven = running.call("dead-letters", "redrive", letter, "--json")
    assert redriven.code == 0
    assert redriven.json["redriven"][0]["topic"] == "raw-alerts"
    assert "from the edge" in running.call("dead-letters", "show", letter).out

    def refused_again() -> list[str]:
        rows = running.call("dead-letters", "list", "--json").json["dead_letters"]
        assert letter not in {row["dead_letter_id"] for row in rows}
        return [row["dead_letter_id"] for row in rows if row["redriven_from"] == letter]

    (new,) = wait_until(refused_again, what="that it was refused again")
    assert letter in running.call("dead-letters", "show", new).out
    assert "refused again" in running.call("dead-letters", "list").out
    done = running.call("dead-letters", "redrive", "--reason", "invalid", "--json")
    ids = {one["dead_letter_id"] for one in done.json["redriven"]}
    assert new in ids
    assert letter not in ids
    everything = running.call("dead-letters", "list", "--all", "--json").json["dead_letters"]
    assert {letter, new} <= {row["dead_letter_id"] for row in everything}
    assert running.call("dead-letters", "redrive", "nothing").code == 1


def test_the_catalog_is_loaded_once_and_changed_after(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "services.yaml"
    file.write_text("- {name: web, team: shop, dependencies: [db]}\n- {name: db}\n")

    def load(*more: str) -> dict[str, list[str]]:
        done = running.call("catalog", "load", str(tmp_path), "--json", *more)
        assert done.code == 0, done.err
        return dict(done.json)

    assert load("--dry-run")["added"] == ["db", "web"]
    assert load()["added"] == ["db", "web"]
    wait_until(lambda: load("--dry-run")["unchanged"] == ["db", "web"], what="it is known")
    file.write_text("- {name: web, team: store}\n")
    assert load("--dry-run") == {
        "added": [],
        "changed": ["web"],
        "unchanged": [],
        "removed": [],
        "is_dry_run": True,
    }
    assert load("--prune")["removed"] == ["db"]
    wait_until(lambda: load("--dry-run")["unchanged"] == ["web"], what="db has gone")


def test_a_catalog_with_faults_is_refused_whole(running: Running, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{name: web, dependencies: [nowhere]}\n")
    (tmp_path / "b.yml").write_text("[{name: web}, {nam: x}]\n")
    (tmp_path / "c.yaml").write_text("{name: [\n")
    done = running.call("catalog", "load", str(tmp_path))
    assert done.code == 1
    assert done.out == ""
    for part in ("nowhere", "is already in", "nam is not known", "c.yaml"):
        assert part in done.err


def test_a_receiver_is_told_a_test_and_its_end(running: Running) -> None:
    done = running.call("receivers", "test", "on-call", "--url", running.tocsin.url)
    assert done.code == 0
    assert "resolve delivered (status 202)" in done.out
    tests = [call for call in running.calls() if "/test-" in call["dedup_key"]]
    assert [call["effect"] for call in tests] == ["triggered", "resolved"]
    assert running.call("receivers", "test", "nobody", "--url", running.tocsin.url).code == 1


def test_a_backup_of_a_running_tocsin_is_restored(running: Running, tmp_path: Path) -> None:
    running.incident("Saved")
    file = tmp_path / "backup.db"
    assert running.call("backup", str(file), "--json").json["size_bytes"] == file.stat().st_size
    assert running.call("backup", str(file)).code == 1
    folder = tmp_path / "restored"
    assert running.call("restore", str(file), "--data", str(folder)).code == 0
    assert (folder / "tocsin.db").is_file()
    again = running.call("restore", str(file), "--data", str(folder))
    assert again.code == 1
    assert "holds data already" in again.err


def test_the_doctor_finds_a_running_tocsin_well(running: Running) -> None:
    done = running.call("doctor", "--config", str(running.config), "--no-network", "--json")
    assert done.code == 0, done.out
    states = {one["name"]: one["state"] for one in done.json["findings"]}
    assert states["running"] == states["format"] == states["rules"] == states["lag"] == "ok"


def test_orders_of_a_model_are_answered(running: Running) -> None:
    found = running.incident("Gamma", severity="error")
    running.call("reassign", found, "--to", "bert")
    model = "incidents@default"
    refused = running.call("models", "rollback", model)
    assert (refused.code, refused.out) == (1, "")
    assert "there is no snapshot before the last one" in refused.err
    done = running.call("models", "shadow", model, "--by", "ann")
    assert (done.code, done.out) == (0, f"{model}: {model}~shadow learns from now on (ann)\n")
    assert running.call("models", "promote", model, "--json").json["reason"] == "fit.refused"
    assert running.call("models", "shadow", model, "--end", "--json").json["result"] == "applied"
    assert "has a snapshot" in running.call("models", "diff", model).err
