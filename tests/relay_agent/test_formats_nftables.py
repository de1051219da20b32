"""Sets in a kernel, in a network namespace of the test's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relay_agent.formats import FormatsError, install_formats
from relay_agent.formats.nftables import Nftables
from tests.real.parts import require, require_namespace
from tests.relay_agent.test_formats_rendering import V4, V6, records

SETS = Nftables()
DOCUMENT = Path(__file__).parents[2] / "docs" / "relay-formats.md"
SHOW = 'echo "|"; nft list ruleset; echo "|"; '


def in_namespace(script: str, given: bytes = b"") -> str:
    """What a shell printed that has a network of its own. The kernel forgets it with the shell."""
    require("nft", "nftables")
    done = subprocess.run(
        [require_namespace("-n"), "-n", "sh", "-euc", script],
        input=given, capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_nft_takes_the_script_twice_and_sets_hold_both_families() -> None:
    now = time.time()
    script = SETS.script(records(V4, V6, expiry=int(now) + 3600), now)
    text = script.decode()
    load = "".join(f"nft {flags} - <<E\n{text}E\n" for flags in ("-c -f", "-f", "-f"))
    shown = in_namespace(f"{load}nft list ruleset")
    assert f"{V4} timeout 59m" in shown
    assert f"{V6} timeout 59m" in shown


def test_nobody_empties_the_sets() -> None:
    now = time.time()
    full = SETS.script(records(V4, V6, expiry=int(now) + 3600), now).decode()
    empty = SETS.script({}, now).decode()
    shown = in_namespace(f"nft -f - <<E\n{full}E\nnft -f - <<E\n{empty}E\nnft list ruleset")
    assert "smtp_whitelist_v4" in shown
    assert "elements" not in shown


def test_the_kernel_ends_an_element_with_nobodys_help() -> None:
    script = SETS.script(records(V4, expiry=101), 100.0)
    shown = in_namespace(f"nft -f -; {SHOW} sleep 1.3; nft list ruleset", script)
    before, after = shown.split("|")[1:]
    assert V4 in before
    assert V4 not in after


def test_a_script_that_is_refused_changes_nothing() -> None:
    good = SETS.script(records(V4, expiry=3700), 100.0).decode()
    bad = (
        SETS.script({}, 100.0).decode() + "add element inet filter smtp_whitelist_v4 { nonsense }\n"
    )
    shown = in_namespace(f"nft -f - <<E\n{good}E\n! nft -f - <<E\n{bad}E\nnft list ruleset")
    assert V4 in shown


def test_an_agent_that_is_not_root_installs_with_one_capability(tmp_path: Path) -> None:
    work = shutil.copytree(Path(__file__).parents[2] / "relay_agent", tmp_path / "relay_agent")
    (tmp_path / "map").mkdir()
    for path in [tmp_path, tmp_path / "map"]:
        shutil.chown(path, "nobody")
    for path in [work, *tmp_path.parents[:2]]:
        path.chmod(0o755)
    code = (
        "import time; from pathlib import Path; from relay_agent.formats import *; now=time.time();"
        f"print(install_formats(Path('{tmp_path}/map'), ['nftables:ip:mail:exempt'], "
        f"{{b'{V4}': b'%d' % (now+60)}}, now))"
    )
    drop = "setpriv --reuid nobody --clear-groups --inh-caps +net_admin --ambient-caps +net_admin"
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    shown = in_namespace(f'cd {tmp_path}; {drop} {python} -c "{code}"; nft list ruleset')
    assert "{'nftables': True}" in shown
    assert "set exempt_v4" in shown
    assert V4 in shown


def test_without_nft_the_file_is_there_and_the_failure_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_agent.programs.SYSTEM_FOLDERS", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FormatsError, match="apt install nftables") as raised:
        install_formats(tmp_path, ["nftables"], records(V4), 100.0)
    assert raised.value.changed == {"nftables": True}


def test_the_documents_rules_load_and_count_by_the_sets(tmp_path: Path) -> None:
    text = DOCUMENT.read_text("utf-8")
    rules = text.partition("```nftables\n")[2].partition("```")[0]
    included = tmp_path / SETS.file_name
    included.write_bytes(SETS.render({}, 0))
    place = "/var/lib/smtp-whitelist-agent/map/smtp_whitelist.nftables"
    assert place in rules
    shown = in_namespace("nft -f -; nft list ruleset", rules.replace(place, str(included)).encode())
    assert "ip saddr != @smtp_whitelist_v4" in shown


def test_nft_takes_an_entry_of_decades() -> None:
    script = SETS.script(records(V4, expiry=4_000_000_000), 1_764_000_000.0)
    assert f"{V4} timeout 365d" in in_namespace("nft -f -; nft list ruleset", script)
