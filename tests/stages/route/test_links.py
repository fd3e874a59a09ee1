"""Links and images from annotations: only addresses that a person may safely follow."""

from __future__ import annotations

import pytest

from pipeline.domain.notification import Link
from pipeline.stages.route.links import HREF_SIZE_MAX, links_of


def test_known_annotations_become_links_and_images() -> None:
    found = links_of(
        {
            "summary": "https://not.example",
            "generatorURL": "http://prometheus.example/graph?g0.expr=up",
            "runbook_url": "https://wiki.example/down",
            "image_url": "https://img.example/a.png",
        }
    )
    assert found == (
        Link(href="https://wiki.example/down", text="Runbook"),
        Link(href="http://prometheus.example/graph?g0.expr=up", text="Source"),
        Link(href="https://img.example/a.png", text="Image", is_image=True),
    )


def test_one_address_is_one_link() -> None:
    one = "https://wiki.example/down"
    assert links_of({"runbook_url": one, "runbook": one}) == (Link(href=one, text="Runbook"),)


@pytest.mark.parametrize(
    "href",
    [
        "",
        "restart it",
        "javascript:alert(1)",
        "data:text/html,x",
        "//wiki.example",
        "https://",
        "https://[bad",
        "https://wiki.example/a b",
        "https://wiki.example/\n",
        "https://wiki.example/" + "x" * HREF_SIZE_MAX,
    ],
)
def test_what_is_no_address_is_left_out(href: str) -> None:
    assert links_of({"runbook_url": href}) == ()


def test_an_image_must_come_encrypted() -> None:
    assert links_of({"imageURL": "http://img.example/a.png"}) == ()
