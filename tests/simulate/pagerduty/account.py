"""An account with hands: sends events, asks over REST, moves the time. No sockets."""

import json
from typing import Any

from pipeline.simulate.pagerduty.desk import Desk
from pipeline.simulate.pagerduty.event_rules import Event
from pipeline.simulate.pagerduty.rest.routes import RestRequest
from tests.simulate.pagerduty.events import KEY, event

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
HEADERS = {"authorization": "Token token=abc", "from": "ada@example.com"}


class Account:
    """A desk at a time that the test moves."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.now_ms = NOW_MS

    def send(self, action: str, dedup_key: str = "k1", routing_key: str = KEY) -> None:
        body = event(action, dedup_key, routing_key=routing_key, links=[{"href": "https://x.test"}])
        call = self.desk.read("events", json.dumps(body).encode())
        assert isinstance(call, Event)
        assert self.desk.take("events", call, None, self.now_ms).status_code == 202

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] = HEADERS,
        **query: Any,
    ) -> tuple[int, Any]:
        """A query parameter `statuses__` is sent as `statuses[]`."""
        request = RestRequest(
            method,
            path,
            {
                name.replace("__", "[]"): value if isinstance(value, list) else [str(value)]
                for name, value in query.items()
            },
            headers,
            b"" if body is None else json.dumps(body).encode(),
            "http://127.0.0.1:1",
        )
        answer = self.desk.take_rest(request, None, self.now_ms)
        return answer.status_code, json.loads(answer.body) if answer.body else None

    def get(self, path: str, **query: Any) -> Any:
        status, answer = self.ask("GET", path, **query)
        assert status == 200, answer
        return answer

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        got, answer = self.ask("PUT", path, body)
        assert got == status, answer
        return answer

    @property
    def incident_ids(self) -> list[str]:
        return list(self.desk.model.incidents.by_id)

    @property
    def user_ids(self) -> list[str]:
        return list(self.desk.model.directory.users)

    def statuses(self) -> list[str]:
        return [incident.status for incident in self.desk.model.incidents.by_id.values()]


def three_incidents() -> Account:
    """One triggered (k1), one acknowledged (k2), one resolved (k3)."""
    made = Account()
    for key in ("k1", "k2", "k3"):
        made.send("trigger", key)
    made.send("acknowledge", "k2")
    made.send("resolve", "k3")
    return made


def update(**fields: Any) -> dict[str, Any]:
    """The body of `PUT /incidents/{id}`."""
    return {"incident": {"type": "incident_reference", **fields}}


def code(answer: Any) -> int:
    """PagerDuty's code in an error."""
    assert isinstance(answer["error"]["message"], str)
    return int(answer["error"]["code"])
