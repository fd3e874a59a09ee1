"""A global is the same object until something in it changes."""

from pipeline.codec import encode
from pipeline.domain.catalog import Service
from pipeline.domain.record import Record
from pipeline.engine import Globals


def record(offset: int, value: bytes | None, key: str = "web") -> Record:
    return Record(topic="services", partition=0, offset=offset, key=key, value=value)


def test_the_view_is_another_one_exactly_where_something_changed() -> None:
    known = Globals({"services": Service, "silences": Service})
    views = [known.view("services")]
    other = known.view("silences")
    assert known.view("services") is views[0]
    for number, value in enumerate(
        (encode(Service(name="web")), encode(Service(name="api")), None)
    ):
        known.apply(record(number, value))
        views.append(known.view("services"))
        assert known.view("services") is views[-1]
    assert len({id(view) for view in views}) == len(views)
    known.apply(record(9, b"\x00not a service"))
    assert known.view("services") is views[-1]
    assert known.view("silences") is other
