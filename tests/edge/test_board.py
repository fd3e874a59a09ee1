"""The board: one page of its own, in which nothing that an alert says can run."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

from tests.edge.world import World


class Outline(HTMLParser):
    """What a page is made of: its tags with their attributes, and the names of its controls."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def test_the_board_is_one_page_without_anything_from_elsewhere(world: World) -> None:
    answer = await world.client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    outline = Outline()
    outline.feed(answer.text)
    for tag, attributes in outline.tags:
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    assert "url(" not in answer.text
    assert "@import" not in answer.text


async def test_nothing_runs_in_it_but_its_own_script(world: World) -> None:
    answer = await world.client.get("/")
    policy = answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = b64encode(sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for risky in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "outerHTML"):
        assert risky not in answer.text


async def test_it_can_be_read_without_eyes_or_a_mouse(world: World) -> None:
    text = (await world.client.get("/")).text
    outline = Outline()
    outline.feed(text)
    assert ("html", {"lang": "en"}) in outline.tags
    labels = {attributes.get("for") for tag, attributes in outline.tags if tag == "label"}
    for tag, attributes in outline.tags:
        if tag == "input":
            assert attributes.get("aria-label") or attributes.get("id") in labels, attributes
    assert 'role="status" aria-live="polite"' in text
    assert "prefers-color-scheme: dark" in text
    assert ":focus-visible" in text


async def test_every_path_it_asks_for_is_there(world: World) -> None:
    text = (await world.client.get("/")).text
    paths = set(re.findall(r'["`](/(?:api|readyz)[^"`$]*)', text))
    assert len(paths) >= 5
    for path in paths - {"/api/v1/incidents/"}:
        assert (await world.client.get(path)).status_code == 200, path


async def test_it_says_who_was_told_and_counts_only_triggers_as_pages(world: World) -> None:
    text = (await world.client.get("/")).text
    assert "pages: stats.pages" in text
    assert '["Told"]' in text
    assert "min-width: 44rem" in text
