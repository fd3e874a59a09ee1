"""Every reason that fit gives."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

TAKEN_IN: Final = Reason("fit.taken_in", "an outcome of {model} is to be learned", is_audited=False)
PUBLISHED: Final = Reason("fit.published", "{model} {version}: {learned} outcomes, {size} bytes")
OTHER_FEATURES: Final = Reason(
    "fit.other_features", "an outcome of other features was passed over", is_audited=False
)
OTHER_KIND: Final = Reason(
    "fit.other_kind", "an outcome of a kind of model that is not learned here", is_audited=False
)
MALFORMED: Final = Reason(
    "fit.malformed", "an outcome that no stage of ours makes", is_audited=False
)
EMPTY: Final = Reason("fit.empty", "an outcome without labels or features", is_audited=False)
TOO_MANY: Final = Reason(
    "fit.too_many", "{most} models are learned already; {model} is not", is_audited=False
)
BEGUN_ANEW: Final = Reason(
    "fit.begun_anew", "{model} learns from nothing: {because}", is_audited=False
)
RIVAL: Final = Reason("fit.rival", "{model} errs more than it did: a fresh model learns beside it")
REPLACED: Final = Reason(
    "fit.replaced", "the fresh model is the better one: {model} is {version} from now on"
)
BEATEN: Final = Reason(
    "fit.beaten", "{model} is still better than the fresh model after {count} outcomes, which ends"
)
OBEYED: Final = Reason("fit.obeyed", "{model}: {done} ({author})")
REFUSED: Final = Reason("fit.refused", "{because}")
