"""What is logged, and how; the request's id is in each line.

Logging is configured before any model may be imported, so this knows nothing of the house;
`whitelist_site.request_id` says what the id is.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

# The request that this thread works for; empty outside of one.
LOGGED_ID: ContextVar[str] = ContextVar("logged_request_id", default="")
NONE = "-"


class RequestIdFilter(logging.Filter):
    """Gives each record a `request_id`, a dash where there is none; drops nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Django tells of a status above 399 after the middleware, and hands the request over.
        request = getattr(record, "request", None)
        record.request_id = LOGGED_ID.get() or getattr(request, "request_id", "") or NONE
        return True


# The setting of Django.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "whitelist_site.logs.RequestIdFilter"}},
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(request_id)s %(name)s: %(message)s"}
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # What anybody may send at any time is no error of ours, and needs no traceback: the page
    # that refuses it logs one line (whitelist.pages.errors).
    "loggers": {
        f"django.security.{name}": {"level": "CRITICAL"}
        for name in (
            "DisallowedHost",
            "RequestDataTooBig",
            "TooManyFieldsSent",
            "TooManyFilesSent",
        )
    },
}
