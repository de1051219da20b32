"""The environment that tests run in; loaded before the settings are read.

Whoever calls pytest may bring their own `DATABASE_URL` and `CELERY_BROKER_URL`; all else is
fixed here, so that a test never meets the settings of the machine.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

VAR_DIR = Path(tempfile.mkdtemp(prefix="whitelist-test-"))
KEPT = {"DATABASE_URL", "CELERY_BROKER_URL"}
OURS = {
    "ALLOWED_HOSTS", "BASE_URL", "TRUSTED_PROXIES", "TRUSTED_HOPS", "PORTAL_ISSUERS_FILE",
    "ACCESS_MAP_DIR", "ACCESS_MAP_TYPES", "TIME_ZONE", "SECRET_KEY_FILE", "DEBUG",
    "DATABASE_URL_FILE", "CELERY_BROKER_URL_FILE", "RELAY_SIGNING_KEY_FILE",
    "RELAY_SNAPSHOT_SECONDS", "EMAIL_URL", "EMAIL_URL_FILE", "EMAIL_FROM",
}  # fmt: skip


def own_broker(url: str) -> str:
    """Test processes side by side share a Redis: each gets a database of its own."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not (number and url.startswith("redis://")):
        return url
    return f"{url.rpartition('/')[0]}/{int(number) + 1}"


for name in OURS - KEPT:
    os.environ.pop(name, None)
os.environ.setdefault("DATABASE_URL", f"sqlite:///{VAR_DIR}/test.sqlite3")
if "CELERY_BROKER_URL" in os.environ:
    os.environ["CELERY_BROKER_URL"] = own_broker(os.environ["CELERY_BROKER_URL"])
os.environ.update(
    SECRET_KEY="a key for tests only, long enough to be taken for a real one 0123456789",
    VAR_DIR=str(VAR_DIR),
    PORTAL_SIMULATOR="on",
    ALLOWED_HOSTS="testserver,127.0.0.1,localhost,[::1]",
)

# postmap reads main.cf; a machine on which Postfix was never configured has none. An old time
# stamp, since Postfix waits two seconds for a main.cf that is still young.
POSTFIX = VAR_DIR / "postfix"
POSTFIX.mkdir()
(POSTFIX / "main.cf").touch()
os.utime(POSTFIX / "main.cf", (0, 0))
os.environ["MAIL_CONFIG"] = str(POSTFIX)
