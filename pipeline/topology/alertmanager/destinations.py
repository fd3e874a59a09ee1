"""Alertmanager's receivers as ours: each of its configs becomes a receiver, secrets references.

A receiver of Alertmanager is a list of destinations, one of ours is one; so a name there stands
for any number of names here.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from pipeline.stages.route.config import NOBODY
from pipeline.topology.alertmanager.source import Source, is_true, member, members, text_of
from pipeline.topology.complaint import Path
from pipeline.topology.secrets import is_reference
from pipeline.topology.tree import Node

PAGERDUTY_URL: Final = "https://events.pagerduty.com"
OUR_PORT: Final = 9194
OUR_PATHS: Final = ("/api/v1/ingest/", "/api/v1/alerts")
_ENQUEUE: Final = "/v2/enqueue"
_TOKEN: Final = re.compile(r"(?=[^/]*\d)[A-Za-z0-9_\-]{16,}|[A-Za-z0-9_\-]{32,}")
_REPLACED: Final = "REPLACE-ME"
_BY_HAND: Final = "Tocsin fills its calls from the incident"
_PAGERDUTY_KEYS: Final = frozenset(
    {"routing_key", "routing_key_file", "service_key", "service_key_file", "url",
     "send_resolved", "client", "client_url"}
)  # fmt: skip
_WEBHOOK_KEYS: Final = frozenset({"url", "url_file", "send_resolved"})


class Target(Struct, frozen=True):
    """One receiver of ours, and whether it is told that an incident resolved."""

    name: str
    sends_resolved: bool


class Destinations:
    """The receivers of a file: `declared` as they go into topology.yaml, `targets` by the name
    that Alertmanager knows them by.
    """

    def __init__(self, source: Source, root: Node) -> None:
        self.declared: dict[str, dict[str, Any]] = {}
        self.targets: dict[str, tuple[Target, ...]] = {}
        self._source = source
        self._pagerduty_url = _events_base(text_of(member(member(root, "global"), "pagerduty_url")))
        self._references: dict[str, str] = {}
        for index, node in enumerate(members(root, "receivers")):
            self._add(node, ("receivers", index))

    def _add(self, node: Node, path: Path) -> None:
        name = text_of(member(node, "name"))
        configs = [
            (kind, each, (*path, f"{kind}_configs", index))
            for kind in ("pagerduty", "webhook")
            for index, each in enumerate(members(node, f"{kind}_configs"))
        ]
        self._note_others(node, path, name, tells_nobody=not configs)
        found: list[Target] = []
        for kind, config, below in configs:
            ours = self._free_name(name if len(configs) == 1 else f"{name}-{kind}")
            make = self._pagerduty if kind == "pagerduty" else self._webhook
            made = make(ours, config, below)
            if made is not None:
                self.declared[ours] = made
                is_told = is_true(member(config, "send_resolved"), default=True)
                found.append(Target(ours, is_told))
        self.targets[name] = tuple(found)

    def _note_others(self, node: Node, path: Path, name: str, *, tells_nobody: bool) -> None:
        for key in node.keys:
            if key not in {"name", "pagerduty_configs", "webhook_configs"}:
                reason = f"there is no sink for {key}"
                reason += f": routes to {name!r} tell nobody" if tells_nobody else ""
                hint = "give them a receiver with PagerDuty or a webhook"
                self._source.note(node, (*path, key), reason, hint, at_key=key)

    def _free_name(self, wanted: str) -> str:
        """A name that routes can use: no slash, not `none`, not taken."""
        base = re.sub(r"[/\s]+", "-", wanted).strip("-") or "receiver"
        base = f"receiver-{base}" if base == NOBODY else base
        name, count = base, 1
        while name in self.declared:
            count += 1
            name = f"{base}-{count}"
        return name

    def _pagerduty(self, name: str, node: Node, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {"sink": "pagerduty"}
        made["routing_key"] = self._routing_key(name, node, path)
        url = _events_base(text_of(member(node, "url"))) or self._pagerduty_url
        if url and not _is_plain(url):
            reason = "the URL of the Events server holds credentials, or is none"
            self._source.note(node, (*path, "url"), reason, "set it by hand")
        elif url and url != PAGERDUTY_URL:
            made["url"] = url
        for key in ("client", "client_url"):
            text = text_of(member(node, key))
            if text and "{{" not in text:
                made[key] = text
        self._source.note_rest(node, path, _PAGERDUTY_KEYS, _BY_HAND)
        return made

    def _routing_key(self, name: str, node: Node, path: Path) -> str:
        for key in ("routing_key", "service_key"):
            file = text_of(member(node, f"{key}_file"))
            stated = member(node, key)
            if key == "service_key" and (file or stated is not None):
                reason = "a service key belongs to Events API v1, which Tocsin does not speak"
                hint = "add an Events API v2 integration to the service and use its key"
                at_key = key if stated is not None else f"{key}_file"
                self._source.note(node, (*path, key), reason, hint, at_key=at_key)
            if file and is_reference(f"file:{file}"):
                return f"file:{file}"
            if stated is not None:
                return self._reference(name, "ROUTING_KEY", stated, (*path, key))
        return self._reference(name, "ROUTING_KEY", node, path)

    def _webhook(self, name: str, node: Node, path: Path) -> dict[str, Any] | None:
        stated = member(node, "url")
        url = text_of(stated)
        if stated is None or not _is_plain(url.partition("?")[0]):
            reason = f"{name!r} is left out: its URL is in a file, holds credentials or is none"
            self._source.note(node, path, reason, "add the receiver by hand")
            return None
        base, query, _ = url.partition("?")
        shown = "/".join(_REPLACED if _TOKEN.fullmatch(part) else part for part in base.split("/"))
        if shown != base or query:
            reason = "what looks like a secret in the URL is not copied"
            hint = f"complete the url of {name!r} by hand"
            self._source.note(stated, (*path, "url"), reason, hint)
        if _is_ours(url):
            reason = f"{name!r} seems to send to Tocsin itself: each alert would come back"
            hint = "a loop: leave this receiver out, or give it another url"
            self._source.note(stated, (*path, "url"), reason, hint)
        reason = "Tocsin signs its webhooks, and their body is its own"
        variable = self._variable(name, "SECRET")
        hint = f"set {variable} to a secret shared with the receiver (whsec_…), and adapt it"
        self._source.note(node, path, reason, hint)
        self._source.note_rest(node, path, _WEBHOOK_KEYS, "the signature says who sends")
        return {"sink": "webhook", "url": shown, "secret": f"env:{variable}"}

    def _reference(self, name: str, what: str, node: Node, path: Path) -> str:
        """A reference in place of a secret; the same secret has the same one."""
        secret = text_of(node)
        known = self._references.get(secret) if secret else None
        if known is None:
            known = self._variable(name, what)
            self._references[secret] = known
            reason = "a secret is not copied"
            self._source.note(node, path, reason, f"set the variable {known} to what stands here")
        return f"env:{known}"

    @staticmethod
    def _variable(name: str, what: str) -> str:
        word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()[:80]
        return f"TOCSIN_{word}_{what}" if not word or word[0].isdigit() else f"{word}_{what}"


def _events_base(url: str) -> str:
    return url.removesuffix("/").removesuffix(_ENQUEUE).removesuffix("/")


def _is_ours(url: str) -> bool:
    """Whether a URL looks like a way in of ours: where it listens by default, or by its path."""
    try:
        parts = urlsplit(url)
        return parts.port == OUR_PORT or parts.path.startswith(OUR_PATHS)
    except ValueError:
        return False


def _is_plain(url: str) -> bool:
    """Whether a URL is one, without credentials, query or template."""
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
    return is_whole and "@" not in parts.netloc and not parts.query and "{{" not in url
