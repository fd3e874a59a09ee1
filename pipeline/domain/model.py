"""Model: what a learned model is given, what it believes, and how it is kept (design §8).

Stages know models by these protocols only. A model is deterministic: the same outcomes in the
same order make the same bytes, on every machine, so a snapshot and a replay of what followed it
are the model that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeVar

from msgspec import Struct, field

from pipeline.domain.alert import NAN
from pipeline.domain.stakes import Stakes

HEADS: Final[tuple[str, ...]] = (
    "category", "severity", "urgency", "impact", "team", "noise", "self_resolving",
)  # fmt: skip
"""What is asked of every incident. noise and self_resolving are answered with YES or NO."""

YES: Final = "yes"
NO: Final = "no"

ROWS_MAX: Final = 128
"""Active tokens of one subject; at the limit the words that come last in its texts are left out."""

EVIDENCE_MAX: Final = 5
LABEL_CHARS_MAX: Final = 200
"""A longer label is no label: it is not learned."""


class Subject(Struct, frozen=True, kw_only=True):
    """What is known of an incident when it is judged; texts "" and numbers 0 where unknown.

    An incident is judged by the alert that opened it: `name`, `description` and `service` are
    that alert's, the rest of the place is the incident's, `severity` the highest of its alerts.
    `tier` is 1 (highest) and up, `change_age_ms` the time since the service's last change (-1:
    none known), `age_ms` that since the incident was opened, `at_ms` when it is judged. `texts`
    is what people wrote: notes, tickets.
    """

    name: str
    description: str = ""
    severity: str = "unknown"
    source: str = ""
    service: str = ""
    environment: str = ""
    region: str = ""
    cluster: str = ""
    namespace: str = ""
    host: str = ""
    metric: str = ""
    value: float = NAN
    threshold: float = NAN
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    owner: str = ""
    tier: int = 0
    dependents_count: int = 0
    services_count: int = 1
    alerts_count: int = 1
    events_count: int = 1
    reopened_count: int = 0
    change_age_ms: int = -1
    age_ms: int = 0
    at_ms: int = 0


class Features(Struct, frozen=True):
    """A subject as numbers: `rows` are the hashed active tokens, distinct and ascending, at most
    ROWS_MAX; `dense` has a fixed length, every figure in [-1, 1].

    `tokens` names each row for a person, in the order of `rows`; it may be left empty where
    nobody will ask for evidence, as in an Outcome.
    """

    rows: tuple[int, ...]
    dense: tuple[float, ...] = ()
    tokens: tuple[str, ...] = ()


class Belief(Struct, frozen=True):
    """What a model believes of one head. `confidence` is the calibrated chance that `label` is
    right; `candidates` are the labels that conform, the likeliest first. `evidence` are the
    tokens that spoke for the label, with their weight in log-odds, the heaviest first.
    """

    head: str
    label: str
    confidence: float
    candidates: tuple[str, ...] = ()
    evidence: tuple[tuple[str, float], ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether one label alone conforms; else the rules decide."""
        return len(self.candidates) == 1


class Quality(Struct, frozen=True, kw_only=True):
    """How good one head is now, each figure on what was not yet learned: `accuracy` over about
    the last 2,000 outcomes, the others over as many that were judged. `calibration_error` is the
    expected one (0 to 1), `pr_auc` that of YES on yes-or-no heads (NaN on others), `drifts_count`
    how often the errors changed.
    """

    head: str
    outcomes_count: int = 0
    accuracy: float = NAN
    log_loss: float = NAN
    calibration_error: float = NAN
    pr_auc: float = NAN
    drifts_count: int = 0
    drifted_at: int = -1


class Snapshot(Struct, frozen=True, kw_only=True):
    """The head record of a snapshot: which chunks make it and how far it has learned.

    `offset` is the next one in `outcomes`; `checksum` is the BLAKE2b-256 of all chunks in order,
    in hex; `version` is what a decision carries. `kind` and `features_version` must be the
    reader's own, else the snapshot does not fit. `stakes` says from which chance on incidents may
    be held back.
    """

    model: str
    kind: str
    features_version: int
    version: str
    offset: int
    learned_count: int
    chunks_count: int
    size_bytes: int
    checksum: str
    qualities: tuple[Quality, ...] = ()
    stakes: Stakes = Stakes()


class SnapshotError(ValueError):
    """A snapshot that can not be taken: `reason` is one word for counters, the text says what
    to do. Reasons: incomplete, checksum, kind, features, format, content, absent.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Scorer(Protocol):
    """Something that believes."""

    @property
    def version(self) -> str:
        """What a decision carries to name what made it."""
        ...

    def score(self, features: Features, *, is_explained: bool = False) -> tuple[Belief, ...]:
        """One belief for each head that has learned a label; changes nothing. Evidence is given
        where it is asked for and the features carry their tokens.
        """
        ...


class Model(Scorer, Protocol):
    """Something that learns."""

    def learn(self, features: Features, labels: Mapping[str, str]) -> None:
        """Learn what turned out: head to label. Unknown heads are passed over."""
        ...

    def qualities(self) -> tuple[Quality, ...]:
        """How good each head is now."""
        ...

    def snapshot(self, name: str, offset: int) -> tuple[Snapshot, tuple[bytes, ...]]:
        """All that it has learned, as a head record and its chunks; `offset` is the next one in
        `outcomes`.
        """
        ...


Subject_contra = TypeVar("Subject_contra", contravariant=True)


class ModelKind(Protocol[Subject_contra]):
    """One kind of model: how its subjects become features, and how its models come to be."""

    @property
    def kind(self) -> str:
        """The word that a snapshot carries, with the version of its algorithm."""
        ...

    @property
    def heads(self) -> tuple[str, ...]:
        """What is asked of its subjects; labels of other heads are not learned."""
        ...

    @property
    def features_version(self) -> int:
        """Rises whenever the same subject makes other features."""
        ...

    def features(self, subject: Subject_contra) -> Features:
        """The features of a subject; never raises on what a subject may hold."""
        ...

    def fresh(self) -> Model:
        """A model that has learned nothing."""
        ...

    def restore(self, head: Snapshot, chunks: Sequence[bytes]) -> Model:
        """The model of a snapshot, bit for bit. Raises SnapshotError."""
        ...
