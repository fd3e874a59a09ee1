"""The table of commands: what each is called, where it is, and what help says of it.

It is read instead of the commands themselves: `tocsin --help` and completion import none of them.
"""

from __future__ import annotations

from typing import Final

from pipeline.cli.lazy import Entry

RUNNING: Final = "Running"
INCIDENTS: Final = "Incidents"
RULES: Final = "Rules"
KEEPING: Final = "Keeping it well"

COMMANDS: Final = {
    "run": Entry("run:run", RUNNING, "Run the pipeline until Ctrl-C; --demo shows a storm."),
    "simulator": Entry("simulator:simulator", RUNNING, "Serve a PagerDuty of one's own."),
    "kafka": Entry("kafka:app", RUNNING, "Run a local Kafka: start, demo, fetch, status, stop."),
    "serve": Entry("serve:serve", RUNNING, "Serve the edge on Kafka; start more to scale."),
    "worker": Entry("worker:worker", RUNNING, "Run agents on Kafka; start more to scale."),
    "send": Entry("send:send", RUNNING, "Send alerts: one from flags, or many from a file."),
    "incidents": Entry("incidents:incidents", INCIDENTS, "List incidents; --watch keeps looking."),
    "incident": Entry("incident:incident", INCIDENTS, "Show one incident and why it is so."),
    "ack": Entry("orders:ack", INCIDENTS, "Acknowledge incidents."),
    "resolve": Entry("orders:resolve", INCIDENTS, "Resolve incidents."),
    "snooze": Entry("orders:snooze", INCIDENTS, "Say nothing of incidents for a while."),
    "note": Entry("orders:note", INCIDENTS, "Write a note on an incident."),
    "merge": Entry("orders:merge", INCIDENTS, "Merge incidents into another one."),
    "split": Entry("orders:split", INCIDENTS, "Split alerts off an incident."),
    "reassign": Entry("orders:reassign", INCIDENTS, "Assign incidents to somebody."),
    "override": Entry("orders:override", INCIDENTS, "Set the severity of incidents by hand."),
    "not-useful": Entry("orders:not_useful", INCIDENTS, "Teach that such incidents are noise."),
    "page": Entry("orders:page", INCIDENTS, "Tell at once of incidents that are held back."),
    "silence": Entry("silence:app", INCIDENTS, "Mute alerts: add, list, expire, preview."),
    "routes": Entry("routes:app", RULES, "Ask the routing tree where labels lead."),
    "receivers": Entry("receivers:app", RULES, "Send a test to a receiver."),
    "topology": Entry(
        "topology:app", RULES, "Check topology.yaml, bring Kafka to it, document it."
    ),
    "import": Entry("importing:translate", RULES, "Translate an alertmanager.yml."),
    "catalog": Entry("catalog:app", RULES, "Load the catalog of services."),
    "models": Entry("models:app", RULES, "List models and their quality; explain an incident."),
    "graph": Entry("graph:graph", RULES, "Show which alarm precedes which; with a picture."),
    "anomaly": Entry("anomaly:anomaly", RULES, "Find what is unusual in a CSV file; with a plot."),
    "replay": Entry("replay:replay", RULES, "Run a past range again, exactly."),
    "backtest": Entry("backtest:backtest", RULES, "History through other rules or another model."),
    "doctor": Entry("doctor:doctor", KEEPING, "Look at everything that may be wrong."),
    "dead-letters": Entry("dead_letters:app", KEEPING, "List, show and redrive dead letters."),
    "migrate": Entry("migrate:migrate", KEEPING, "Carry a data folder, or a cluster, onto Kafka."),
    "backup": Entry("backups:backup", KEEPING, "Copy log and state into one file."),
    "restore": Entry("backups:restore", KEEPING, "Put a backup into a new data folder."),
}
