"""Names: of topics, agents and applications, which become parts of Kafka's names and of labels."""

from __future__ import annotations

import re
from typing import Final

from pipeline.topology.shape import Shaper
from pipeline.topology.tree import Node, member_of

NAME_CHARACTERS_MAX: Final = 100
NAME: Final = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{NAME_CHARACTERS_MAX - 1}}}")
NAME_HINT: Final = f"at most {NAME_CHARACTERS_MAX} of a-z, 0-9 and -"

_DEFAULT_APP: Final = "tocsin"


def check_names(root: Node, shaper: Shaper) -> None:
    """Complain about an application whose name Kafka would not take, and about topics that are
    named like those which are derived.
    """
    app = member_of(root, "app")
    name = _DEFAULT_APP if app is None or app.value is None else app.value
    if not isinstance(name, str):
        return
    if app is not None and not NAME.fullmatch(name):
        shaper.complain(app, ("app",), f"{name!r} is no name", NAME_HINT)
        return
    topics = member_of(root, "topics")
    for topic in topics.value if topics is not None and isinstance(topics.value, dict) else ():
        is_changelog = topic.startswith(f"{name}-") and topic.endswith("-changelog")
        if topics is not None and (is_changelog or topic == f"{name}-topology"):
            reason = f"{topic!r} is a name that Tocsin gives to a topic of its own"
            shaper.complain(topics, ("topics", topic), reason, "rename it", at_key=topic)
