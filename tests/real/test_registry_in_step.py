"""The registry follows a real name server: from an edited zone to the page, and to the relay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.member import Member
from tests.real.named import Named, private_named
from tests.real.processes import free_port, wait_until
from tests.real.service import REGISTRY, Service
from tests.real.zones import Key, Zone, key_file

pytestmark = pytest.mark.timeout(240)

FORWARD, REVERSE = "ee.nthu.edu.tw", "0.0.127.in-addr.arpa"
OTHERS = range(101, 131)
# The aim is two seconds; a loaded machine may be slower, and the bench measures.
SOON = 10.0


class Campus:
    """A service and the name server that it follows."""

    def __init__(self, service: Service, server: Named) -> None:
        self.service, self.server = service, server
        self.hosts = {number: f"pc{number}z" for number in OTHERS}

    def publish(self) -> float:
        """Serve both zones as they are now; when the second was served (monotonic seconds)."""
        items = self.hosts.items()
        self.server.load(FORWARD, "".join(f"{name} A 127.0.0.{n}\n" for n, name in items))
        self.server.load(REVERSE, "".join(f"{n} PTR {name}.{FORWARD}.\n" for n, name in items))
        return time.monotonic()

    def follow(self) -> None:
        for zone in (FORWARD, REVERSE):
            place = f"{self.server.address}#{self.server.port}"
            self.service.manage("follow_zone", zone, "--server", place, "--key", "transfer.ee")
        self.service.manage("sync_registry")


@pytest.fixture(scope="module")
def campus(
    service_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Campus]:
    key, port = Key("transfer.ee"), free_port()
    keys: Path = tmp_path_factory.mktemp("keys") / "transfer.key"
    keys.write_text(key_file(key))
    zones = [Zone(name, readers=(key,), notify=(port,)) for name in (FORWARD, REVERSE)]
    listen = {"NOTIFY_LISTEN": f"127.0.0.1:{port}", "DNS_KEYS_FILE": str(keys)}
    with (
        private_named(*zones) as server,
        Service(*REGISTRY, **listen, **service_settings) as service,
    ):
        networks = f"cidr,kind,unit,contact\n127.0.0.0/8,static,EE,ee-net@{FORWARD}\n"
        service.manage("import_networks", "-", stdin=networks)
        service.allow_many_requests()
        campus = Campus(service, server)
        campus.publish()
        campus.follow()
        yield campus


def signed_in(campus: Campus, number: int) -> Member:
    member = Member(campus.service, f"127.0.0.{number}")
    member.sign_in(f"member{number}")
    return member


def wait_for(member: Member, state: str, reason: str = "") -> float:
    """When the member's page first showed the state (monotonic seconds)."""

    def shown() -> bool:
        page = member.get("/smtp-whitelist/")
        return (page.state, page.reason) == (state, reason)

    wait_until(shown, f"{state} {reason}", timeout=SOON)
    return time.monotonic()


def test_a_refused_member_may_apply_soon_after_the_names_are_registered(campus):
    number = 31
    member = signed_in(campus, number)
    assert wait_for(member, "refused", "no_name")
    campus.hosts[number] = "lab31z"
    published = campus.publish()
    assert wait_for(member, "apply") - published < SOON
    assert "lab31z.ee.nthu.edu.tw" in member.get("/smtp-whitelist/").text


def test_an_entry_whose_name_goes_gets_notice_and_the_name_back_in_time_saves_it(campus):
    number = 32
    campus.hosts[number] = "lab32z"
    campus.publish()
    member = signed_in(campus, number)
    wait_for(member, "apply")
    member.apply()
    wait_for(member, "active")
    name = campus.hosts.pop(number)
    campus.publish()
    wait_for(member, "ending")
    assert "lab32z.ee.nthu.edu.tw" in member.get("/smtp-whitelist/").text
    assert f"127.0.0.{number}" in campus.service.active_addresses(), "the grace goes on"
    campus.hosts[number] = name
    campus.publish()
    wait_for(member, "active")


def test_without_grace_an_entry_ends_at_once_with_that_reason(campus):
    number = 33
    campus.hosts[number] = "lab33z"
    campus.publish()
    campus.service.sql("UPDATE whitelist_servicesettings SET registration_grace_minutes = 0")
    member = signed_in(campus, number)
    wait_for(member, "apply")
    member.apply()
    wait_for(member, "active")
    del campus.hosts[number]
    campus.publish()
    wait_for(member, "refused", "no_name")

    def closed() -> bool:
        sql = "SELECT end_reason FROM whitelist_whitelistentry WHERE address = %s"
        return bool(campus.service.sql(sql, [f"127.0.0.{number}"]) == [("registration_lost",)])

    wait_until(closed, "the entry's end", timeout=SOON)
