"""REST errors as PagerDuty words them: an HTTP status, a code of its own, a text and details.

Source: PagerDuty's REST documentation, "Errors": the list of codes.
"""

from __future__ import annotations

from typing import Any, Final

TEXTS: Final = {
    1001: "Incident Already Resolved",
    1002: "Incident Already Acknowledged",
    1003: "Invalid Status Provided",
    1006: "Cannot Escalate",
    1007: "Assigned To User Not Found",
    1008: "Requester User Not Found",
    1012: "Incident is not Acknowledged",
    1013: "Snooze Duration is Invalid",
    1014: "Escalation Policy Not Found",
    1019: "Incident Already Merged",
    2001: "Invalid Input Provided",
    2002: "Arguments Caused Error",
    2004: "Invalid time values in 'since' and/or 'until' parameters",
    2005: "Invalid Query Date Range",
    2006: "Authentication failed",
    2020: "Rate Limit Exceeded",
    2100: "Not Found",
    3004: "Schedule Not Found",
    5001: "Incident Not Found",
    5002: "Service Not Found",
}


class RestError(Exception):
    """A refusal; nothing was changed.

    `status_code` says whose fault it is, `code` which one, `errors` what to correct.
    """

    def __init__(self, status_code: int, code: int, *errors: str, text: str = "") -> None:
        super().__init__(text or TEXTS[code])
        self.status_code = status_code
        self.code = code
        self.text = text or TEXTS[code]
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """The JSON object of the answer."""
        error: dict[str, Any] = {"message": self.text, "code": self.code}
        if self.errors:
            error["errors"] = list(self.errors)
        return {"error": error}


def invalid(*errors: str) -> RestError:
    """400 with code 2001: the request does not say what it must."""
    return RestError(400, 2001, *errors)


def not_found(what: str) -> RestError:
    """404 for a resource that does not exist, with the code that its kind has."""
    code = {"Incident": 5001, "Service": 5002, "Schedule": 3004}.get(what, 2100)
    return RestError(404, code, text=f"{what} Not Found")
