"""Rules: a file to try, whole or only some sections, over the rules that were in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pipeline.domain.errors import UsageError
from pipeline.domain.secret import Secret
from pipeline.topology.complaint import Complaint, TopologyError
from pipeline.topology.declared import Topology
from pipeline.topology.load import check
from pipeline.topology.secrets import MissingSecret
from pipeline.topology.tree import Node, parse

WHOLE: Final = frozenset({"receivers", "routes"})
"""A file that states both is whole: what it leaves out has its default, as in `tocsin run`."""

_WHOLE_HINT: Final = "state the whole topology.yaml"


def no_secret(reference: str) -> Secret:
    """A past that is run again calls nobody, so no secret is looked up."""
    raise MissingSecret(reference, "nobody is called", "")


class Variant:
    """Rules to try: called with the hash of those in force, the rules instead of them.

    `texts` gives the text of a topology.yaml by its hash. Raises TopologyError where the file
    is wrong, UsageError where its sections and what was in force do not go together.
    """

    def __init__(self, text: str, name: str, texts: Callable[[str], str]) -> None:
        self._text = text
        self._name = name
        self._texts = texts
        self._known: dict[str, Topology] = {}
        root, complaints = parse(text, name)
        if complaints:
            raise TopologyError(complaints)
        if not isinstance(root.value, dict) or not root.value:
            raise UsageError(f"{name} states nothing: name a topology.yaml, or sections of one")
        self._root = root
        self._is_whole = root.value.keys() >= WHOLE

    def __call__(self, topology_hash: str) -> Topology:
        """The rules to try where those of a hash were in force."""
        found = self._known.get(topology_hash)
        if found is None:
            found = self._known[topology_hash] = self._over(topology_hash)
        return found

    def _over(self, topology_hash: str) -> Topology:
        if self._is_whole:
            return _sound(self._text, self._name)
        stated = len(self._text.splitlines())
        rest = "\n".join(self._rest(self._texts(topology_hash)))
        try:
            return _sound(f"{self._text.rstrip()}\n{rest}\n", self._name)
        except TopologyError as error:
            own = [each for each in error.complaints if each.line <= stated]
            if own:
                raise TopologyError(own) from None
            raise UsageError(
                f"{self._name}: with it the rules that were in force are wrong:"
                f" {_said(error.complaints[0])}: {_WHOLE_HINT}"
            ) from None

    def _rest(self, text: str) -> Iterator[str]:
        """The lines of the sections in force that the file does not state."""
        root, _ = parse(text, "the rules in force")
        if not (_is_block(self._root) and _is_block(root)):
            raise UsageError(
                f"{self._name} states only some sections, and either it or the file in force has"
                f" its sections in braces: {_WHOLE_HINT}"
            )
        lines = text.splitlines()
        starts = sorted((line, key) for key, (line, _) in root.keys.items())
        ends = [line for line, _ in starts[1:]] + [len(lines) + 1]
        for (start, key), end in zip(starts, ends, strict=True):
            if key not in self._root.keys:
                yield from lines[start - 1 : end - 1]


def _sound(text: str, name: str) -> Topology:
    checked = check(text, name, no_secret)
    if checked.topology is None:
        raise TopologyError([each for each in checked.complaints if not each.is_warning])
    return checked.topology


def _is_block(root: Node) -> bool:
    """Whether each section begins a line."""
    return all(column == 1 for _, column in root.keys.values())


def _said(complaint: Complaint) -> str:
    return f"{complaint.path}: {complaint.reason}" if complaint.path else complaint.reason
