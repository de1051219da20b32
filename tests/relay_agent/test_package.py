"""The Debian package of the agent: the same each time, complete, and at home in a sandbox."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay_agent.config import KEYS, OPTIONS, ConfigError, read_config
from relay_agent.install import install
from tests.real.parts import SYSTEM_PATH, require, require_debians, require_namespace
from tests.real.postfix import PrivatePostfix
from tests.relay_agent.centre import centre, pinned, prepare
from tests.relay_agent.tools import entries

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "relay-agent"
UNIT = "smtp-whitelist-agent.service"
AGENT = "usr/lib/smtp-whitelist-agent"
EXPOSURE = 2.0
EPOCH = "1764001328"
# Over this machine's own root, in a mount namespace: what is written goes to a tmpfs. 9: cannot.
INSTALLED = """
mount -t tmpfs tmpfs "$1" || exit 9
cd "$1" && mkdir upper work root && cp "$2" agent.deb || exit 9
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root || exit 9
mount -t proc proc root/proc && [ -e root/var/lib/dpkg/status ] || exit 9
cp agent.deb root/root/agent.deb && exec chroot root sh -ec '
dpkg -i --force-depends /root/agent.deb
stat -c "%n %U:%G %a" /etc/smtp-whitelist-agent.conf /var/lib/smtp-whitelist-agent/map/*
runuser -u smtp-whitelist -- smtp-whitelist-agent --check 2>&1 || true
dpkg -i --force-depends /root/agent.deb
dpkg -P smtp-whitelist-agent
ls -d /var/lib/smtp-whitelist-agent /etc/smtp-whitelist-agent.conf 2>/dev/null || echo purged'
"""
OLDER_SYSTEMD = re.compile(r"Unknown key '(RestartSteps|RestartMaxDelaySec)'")


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        env={"PATH": SYSTEM_PATH, "SOURCE_DATE_EPOCH": EPOCH, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def built(folder: Path) -> Path:
    require("dpkg-deb", "dpkg")
    done = run(ROOT / "bin" / "build-agent-deb", folder)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    assert run("dpkg-deb", "-x", package, folder).returncode == 0
    return folder


def packaged(unpacked: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The agent of the package, by the system's Python and its packages only."""
    require_debians("lmdb", "cryptography")
    return run(unpacked / "usr/sbin/smtp-whitelist-agent", *arguments)


def test_two_builds_are_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again = built(tmp_path)
    assert again.name == package.name
    assert again.read_bytes() == package.read_bytes()


def test_it_holds_every_module_and_nothing_else_of_ours(unpacked: Path) -> None:
    there = {str(path.relative_to(unpacked / AGENT)) for path in unpacked.rglob("*.py")}
    assert there == {str(path.relative_to(ROOT)) for path in (ROOT / "relay_agent").rglob("*.py")}


@pytest.mark.parametrize(
    ("mode", "path"),
    [
        ("-rwxr-xr-x", "./usr/sbin/smtp-whitelist-agent"),
        ("-rw-r-----", "./etc/smtp-whitelist-agent.conf"),
        ("-rw-r--r--", f"./lib/systemd/system/{UNIT}"),
        ("-rw-r--r--", "./usr/lib/sysusers.d/smtp-whitelist-agent.conf"),
        ("-rw-r--r--", "./usr/share/doc/smtp-whitelist-agent/relay-agent.md"),
    ],
    ids=["program", "configuration", "unit", "user", "document"],
)
def test_each_file_has_its_place_and_mode(package: Path, mode: str, path: str) -> None:
    lines = [line.split() for line in run("dpkg-deb", "-c", package).stdout.splitlines()]
    assert [line[:2] for line in lines if line[-1] == path] == [[mode, "root/root"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Architecture", "all"),
        ("Depends", "python3-lmdb, python3-cryptography"),
        ("Recommends", "postfix-lmdb"),
    ],
)
def test_its_control_file_says_what_it_needs(package: Path, field: str, value: str) -> None:
    assert value in run("dpkg-deb", "-f", package, field).stdout


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_its_scripts_are_sound_shell(script: str) -> None:
    assert run("sh", "-n", DEPLOY / "debian" / script).stderr == ""


def test_the_packaged_agent_explains_itself(unpacked: Path) -> None:
    done = packaged(unpacked, "--help")
    assert (done.returncode, "--check" in done.stdout) == (0, True), done.stderr


def test_the_packaged_agent_checks_against_a_service(unpacked: Path, tmp_path: Path) -> None:
    with centre() as service:
        config = prepare(tmp_path, f"http://127.0.0.1:{service.port}")
        done = packaged(unpacked, "--config", config, "--check")
        assert (done.returncode, done.stdout) == (0, "All is well.\n"), done.stderr
    done = packaged(unpacked, "--config", config, "--check")
    assert (done.returncode, "was not reached" in done.stderr) == (1, True)


def test_installed_there_is_an_empty_table_and_a_user_and_purged_there_is_nothing(
    package: Path, tmp_path: Path
) -> None:
    done = run(require_namespace("-m"), "-m", "sh", "-c", INSTALLED, "sh", tmp_path, package)
    if done.returncode == 9:
        pytest.skip("no overlay can be mounted here")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    table = "/var/lib/smtp-whitelist-agent/map/smtp_whitelist"
    owner = "smtp-whitelist:smtp-whitelist 644"
    assert "/etc/smtp-whitelist-agent.conf root:smtp-whitelist 640" in said
    assert [f"{table} {owner}", f"{table}.lmdb {owner}"] == [x for x in said if table in x]
    assert any("no key is pinned" in line for line in said)
    assert said[-1] == "purged"


def test_the_example_lacks_a_key_and_nothing_else(tmp_path: Path) -> None:
    example = DEPLOY / "smtp-whitelist-agent.conf"
    with pytest.raises(ConfigError) as caught:
        read_config(example)
    assert [line.split(":")[0] for line in caught.value.problems] == [f"[{KEYS}]"]
    filled = tmp_path / "agent.conf"
    filled.write_text(example.read_text().replace("[keys]\n", f"[keys]\nk1 = {pinned()}\n"))
    assert list(read_config(filled).keys) == ["k1"]


def test_the_example_names_every_option_with_its_default() -> None:
    text = (DEPLOY / "smtp-whitelist-agent.conf").read_text()
    for section, options in OPTIONS.items():
        part = text.split(f"[{section}]\n")[1].split("\n[")[0].splitlines()
        for option, default in options.items():
            if default is not None:
                assert f"#{option} = {default}".rstrip() in part


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    require("systemd-analyze", "systemd")
    text = (DEPLOY / UNIT).read_text()
    (tmp_path / UNIT).write_text(text.replace("/usr/sbin/smtp-whitelist-agent", "/bin/true"))
    said = run("systemd-analyze", "verify", tmp_path / UNIT).stderr.splitlines()
    ours = [line for line in said if UNIT in line and not OLDER_SYSTEMD.search(line)]
    assert ours == []


def test_the_unit_is_exposed_to_little(tmp_path: Path) -> None:
    require("systemd-analyze", "systemd")
    shutil.copy(DEPLOY / UNIT, tmp_path)
    said = run("systemd-analyze", "security", "--offline=yes", "--no-pager", tmp_path / UNIT)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said.stdout)
    assert found is not None, said.stderr
    assert float(found[1]) < EXPOSURE


def test_tables_and_signatures_need_no_memory_that_is_written_and_run(tmp_path: Path) -> None:
    """As MemoryDenyWriteExecute= has it; by the kernel's own switch, from Linux 6.3 on."""
    script = f"""
import ctypes, mmap, sys
from pathlib import Path
if ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit(78)
except OSError:
    pass
sys.path.insert(0, {str(ROOT)!r})
import relay_agent.running
from relay_agent.config import public_key
from relay_agent.install import install
public_key({pinned()!r})
install(Path({str(tmp_path)!r}), ("lmdb",), {{}})
"""
    done = run("/usr/bin/python3", "-I", "-B", "-c", script)
    if done.returncode in {77, 78}:
        pytest.skip("this kernel cannot deny it")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "smtp_whitelist.lmdb").exists()


@pytest.mark.postfix
def test_the_documents_main_cf_exempts_whom_the_table_has(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "relay-agent.md").read_text(encoding="utf-8")
    block = text.split("```main.cf\n")[1].split("```")[0]
    folder = "/var/lib/smtp-whitelist-agent/map"
    assert folder in block
    install(tmp_path, ["lmdb"], {})
    with PrivatePostfix(main_cf=block.replace(folder, str(tmp_path))) as relay:
        relay.throttle("127.0.0.5")
        install(tmp_path, ["lmdb"], entries("127.0.0.5"))
        assert relay.send("127.0.0.5").accepted
        install(tmp_path, ["lmdb"], {})
        assert relay.send("127.0.0.5").throttled
