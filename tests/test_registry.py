"""What the registry names exists and fits its protocol, and nothing is loaded before its use."""

import subprocess
import sys

import msgspec
import pytest

from pipeline import registry
from pipeline.domain.errors import UsageError
from tests.real import ROOT


def test_every_sink_and_receiver_is_what_it_says() -> None:
    assert set(registry.sinks()) == {*registry.SINKS, *registry.BUILT_IN_SINKS}
    for name, sink in registry.sinks().items():
        assert sink.name == name
        receiver = registry.receiver_type(name)
        fields = {field.name for field in msgspec.structs.fields(receiver)}
        assert {"sink", "rate"} < fields
        assert set(sink.config_type.__struct_fields__) < fields


@pytest.mark.parametrize("name", registry.STAGES)
def test_every_stage_has_a_builder(name: str) -> None:
    assert callable(registry.stage_builder(name))


@pytest.mark.parametrize("name", registry.SECTIONS)
def test_every_section_has_defaults_or_is_a_list(name: str) -> None:
    assert registry.section_type(name)() is not None


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (registry.stage_builder, "stage"),
        (registry.section_type, "section"),
        (registry.sink, "sink"),
        (registry.receiver_type, "sink"),
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(call: object, kind: str) -> None:
    assert callable(call)
    with pytest.raises(UsageError, match=f"there is no {kind} 'nothing'; there are "):
        call("nothing")


def test_nothing_is_loaded_before_its_use() -> None:
    code = (
        "import sys; import pipeline.registry; "
        "print([name for name in sys.modules if name.startswith(('pipeline.st', 'pipeline.si'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
