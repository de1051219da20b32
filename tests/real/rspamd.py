"""A private rspamd with one map, beside the rules that rspamd has itself."""

from __future__ import annotations

import http.client
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.parts import require
from tests.real.processes import accepts, free_port, start, stop, wait_until

CONFIG = """\
options {{ pidfile = "{folder}/pid"; filters = ""; tempdir = "{folder}"; url_tld = "{folder}/tld";
  hs_cache_dir = "{folder}"; rrd = ""; history_file = ""; dns {{ nameserver = ["127.0.0.1"]; }} }}
logging {{ type = "file"; filename = "{folder}/log"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
modules {{ path = "/usr/share/rspamd/plugins/multimap.lua"; }}
lua = "/usr/share/rspamd/rules/rspamd.lua";
multimap {{
{multimap}}}
"""
MESSAGE = b"From: a@b.example\n\nx\n"


class PrivateRspamd:
    """`multimap` is what stands in its section of that name."""

    def __init__(self, folder: Path, multimap: str) -> None:
        self.port = free_port()
        self.config = folder / "rspamd.conf"
        (folder / "tld").write_text("example\n")
        self.config.write_text(CONFIG.format(folder=folder, port=self.port, multimap=multimap))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.process = start([require("rspamd"), "-i", "-f", "-c", str(self.config)])
        wait_until(lambda: accepts(self.port), "rspamd", process=self.process)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            stop(self.process)

    def symbols(self, address: str) -> set[str]:
        """What rspamd finds in a message that comes from this address."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/checkv2", MESSAGE, {"IP": address})
            return set(json.loads(connection.getresponse().read())["symbols"])
        finally:
            connection.close()
