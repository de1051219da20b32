"""A running rspamd follows the file."""

from __future__ import annotations

from pathlib import Path

from relay_agent.formats import install_formats
from tests.real.processes import wait_until
from tests.real.rspamd import PrivateRspamd
from tests.relay_agent.test_formats_mail import NOW, OTHER, snippet
from tests.relay_agent.test_formats_rendering import V4, V6, records

SYMBOL = "SMTP_WHITELIST"


def test_rspamd_follows_the_documents_map_without_a_reload(tmp_path: Path) -> None:
    install_formats(tmp_path, ["rspamd"], records(V4), NOW)
    with PrivateRspamd(tmp_path, snippet("ucl", tmp_path)) as rspamd:

        def marked(address: str) -> bool:
            return SYMBOL in rspamd.symbols(address)

        wait_until(lambda: marked(V4), "the first file")
        assert not marked(OTHER)
        install_formats(tmp_path, ["rspamd"], records(V6), NOW)
        wait_until(lambda: marked(V6), "an address put in", timeout=10)
        assert not marked(V4)
        install_formats(tmp_path, ["rspamd"], {}, NOW)
        wait_until(lambda: not marked(V6), "the empty file", timeout=10)
