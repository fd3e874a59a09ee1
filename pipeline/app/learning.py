"""Learned: the kind of model that Tocsin learns of incidents, loaded when it is needed.

numpy and River cost a second to import, so nothing imports them at a start. Features need
neither. A snapshot that is to be judged by needs numpy at once, for what is decided must not
depend on how long an import takes; learning can wait until the thread has loaded the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog

from pipeline.domain.model import YES, Features, Model, Snapshot, Subject
from pipeline.models.features.build import VERSION, Builder

if TYPE_CHECKING:
    from pipeline.models.softmax.kept import SoftmaxKind

_log: Final = structlog.get_logger("tocsin.app")
_loaded: Final = threading.Event()


class Learned:
    """See domain.wiring.Learning; it may be made as often as wanted, what it loads is loaded
    once in a process.
    """

    features_version = VERSION

    def __init__(self) -> None:
        self._builder = Builder()

    @property
    def kind(self) -> str:
        """The word of its snapshots; loads numpy."""
        return _kind().kind

    @property
    def is_loaded(self) -> bool:
        """Whether all that learning needs has been imported."""
        return _loaded.is_set()

    def features(self, subject: Subject) -> Features:
        """The features of a subject."""
        return self._builder.features(subject)

    def fresh(self) -> Model:
        """A model that has learned nothing."""
        return _kind().fresh()

    def restore(self, head: Snapshot, chunks: Sequence[bytes]) -> Model:
        """The model of a snapshot. Raises SnapshotError."""
        return _kind().restore(head, chunks)


def load() -> None:
    """Import all that learning needs, by letting a model learn that nobody keeps."""
    kind = _kind()
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


def _kind() -> SoftmaxKind:
    from pipeline.models.softmax.kept import SoftmaxKind  # noqa: PLC0415 - numpy

    return SoftmaxKind()
