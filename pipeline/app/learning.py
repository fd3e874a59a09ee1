"""Learned: the kinds of models that Tocsin learns, loaded when they are needed.

numpy and River cost a second to import, so nothing imports them at a start. Features need
neither. A snapshot that is to be judged by needs numpy at once, for what is decided must not
depend on how long an import takes; learning can wait until the thread has loaded the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog

from pipeline.domain.model import HEADS, YES, Features, Model, ModelKind, Snapshot, Subject
from pipeline.domain.outcome import FORESIGHT, INCIDENTS, LINKS
from pipeline.domain.sharing import Models
from pipeline.models.drift.policy import Policy
from pipeline.models.features.build import VERSION, Builder
from pipeline.models.foresight.kind import KIND as FORESIGHT_KIND
from pipeline.models.link.kind import KIND as LINKS_KIND

if TYPE_CHECKING:
    from pipeline.models.softmax.kept import SoftmaxKind

_log: Final = structlog.get_logger("tocsin.app")
_loaded: Final = threading.Event()


class OfIncidents:
    """The kind of model that judges incidents; only its features come without numpy."""

    features_version = VERSION
    heads = HEADS

    def __init__(self, on_drift: Policy = "warn") -> None:
        self._on_drift: Policy = on_drift
        self._builder = Builder()

    @property
    def kind(self) -> str:
        """The word of its snapshots; loads numpy."""
        return _softmax(self._on_drift).kind

    def features(self, subject: Subject) -> Features:
        """The features of a subject."""
        return self._builder.features(subject)

    def fresh(self) -> Model:
        """A model that has learned nothing."""
        return _softmax(self._on_drift).fresh()

    def restore(self, head: Snapshot, chunks: Sequence[bytes]) -> Model:
        """The model of a snapshot. Raises SnapshotError."""
        return _softmax(self._on_drift).restore(head, chunks)


class Learned:
    """See domain.wiring.Learning; it may be made as often as wanted, what it loads is loaded
    once in a process. A new kind is one line here. `models` says what drift does.
    """

    def __init__(self, models: Models | None = None) -> None:
        forgets = models is not None and models.on_drift == "reset"
        self.kinds: Mapping[str, ModelKind[Any]] = {
            INCIDENTS: OfIncidents("reset" if forgets else "warn"),
            LINKS: LINKS_KIND,
            FORESIGHT: FORESIGHT_KIND,
        }

    @property
    def is_loaded(self) -> bool:
        """Whether all that learning needs has been imported."""
        return _loaded.is_set()


def load() -> None:
    """Import all that learning needs, by letting a model learn that nobody keeps."""
    kind = _softmax()
    model = kind.fresh()
    features = kind.features(Subject(name="warm"))
    for _ in range(2):  # the second one is judged before it is learned
        model.learn(features, {"noise": YES})
    model.qualities()
    _loaded.set()


def load_aside() -> None:
    """Load in a thread of its own; call it when Tocsin is ready."""
    if not _loaded.is_set():
        threading.Thread(target=_load, name="learning", daemon=True).start()


def _load() -> None:
    try:
        load()
    except Exception:  # noqa: BLE001  (without it outcomes gather, and rules and snapshots decide)
        _log.exception("what learning needs cannot be loaded")


def _softmax(on_drift: Policy = "warn") -> SoftmaxKind:
    from pipeline.models.softmax.kept import SoftmaxKind  # noqa: PLC0415 - numpy

    return SoftmaxKind(on_drift)
