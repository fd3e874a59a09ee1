"""What the status and severity words of the field's products mean here.

Severities follow the vendors' own scales: Zabbix' media type for PagerDuty, Azure's Sev0-4,
Datadog's P1-5, syslog's names.
"""

from __future__ import annotations

from typing import Final

_STATUSES: Final = {
    "firing": """firing open opened triggered trigger alerting alert active activated created
        problem down critical fired in_alarm alarm breached ongoing""",
    "resolved": """resolved resolve ok closed close recovered recovery normal inactive up cleared
        clear healthy deactivated done""",
}
_SEVERITIES: Final = {
    "critical": "critical crit fatal disaster emergency emerg page sev0 p1 blocker",
    "error": "error err high major severe sev1 p2",
    "warning": "warning warn average medium moderate minor sev2 p3",
    "info": """info informational information notice low debug trace none ok not_classified sev3
        sev4 p4 p5""",
}

STATUSES: Final = {word: meant for meant, words in _STATUSES.items() for word in words.split()}
"""Status word in lower case → firing or resolved."""

SEVERITIES: Final = {word: meant for meant, words in _SEVERITIES.items() for word in words.split()}
"""Severity word in lower case → critical, error, warning or info."""


def meaning(words: dict[str, str], given: str) -> str:
    """What a word means, whatever its case and blanks; "" where nobody knows."""
    return words.get(given) or words.get(given.strip().lower().replace(" ", "_"), "")
