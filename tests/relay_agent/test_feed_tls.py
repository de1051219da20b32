"""Over https the service must show a certificate that the relay trusts, for its name."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from relay_agent.check import check
from relay_agent.config import read_config
from relay_agent.feed import Feed, FeedError, trust
from tests.relay_agent.centre import TOKEN, Centre, centre, prepare


def certificate(folder: Path, address: str) -> Path:
    """A certificate for this address, signed by itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whitelist")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{address}.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@contextmanager
def secure(pem: Path) -> Iterator[tuple[Centre, str]]:
    """A service behind this certificate, and its URL."""
    with centre() as found:
        assert found.server is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        found.server.socket = context.wrap_socket(found.server.socket, server_side=True)
        yield found, f"https://127.0.0.1:{found.port}"


def test_with_its_certificate_trusted_it_is_asked_on_one_connection(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    with secure(pem) as (service, url):
        feed = Feed(url, TOKEN, trust(pem))
        assert feed.poll().data == service.data
        feed.report(b'{"serial": 1}')
        assert feed.poll(service.etag).data is None
        assert (service.connections, len(service.reports)) == (1, 1)
        feed.close()


def test_within_its_deadline_too(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    with secure(pem) as (service, url):
        service.delay = 1.0
        began = time.monotonic()
        with pytest.raises(FeedError, match="no whole answer in time"):
            Feed(url, TOKEN, trust(pem)).poll(deadline=0.4)
        assert time.monotonic() - began < 0.9


@pytest.mark.parametrize("trusted", [False, True], ids=["unknown issuer", "another name"])
def test_a_certificate_that_proves_nothing_is_refused_before_the_token_is_sent(
    tmp_path: Path, trusted: bool
) -> None:
    pem = certificate(tmp_path, "127.0.0.9" if trusted else "127.0.0.1")
    with secure(pem) as (service, url):
        feed = Feed(url, TOKEN, trust(pem if trusted else None))
        with pytest.raises(FeedError, match="its certificate is not trusted: "):
            feed.poll()
        assert service.polls == []


def test_check_says_which_authorities_are_missing_or_unreadable(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    with secure(pem) as (_, url):
        assert check(read_config(prepare(tmp_path, url, service=f"ca_file = {pem}"))) == []
        (found,) = check(read_config(prepare(tmp_path, url)))
        assert "its certificate is not trusted" in found
        (tmp_path / "not.pem").write_text("no certificate\n")
        config = read_config(prepare(tmp_path, url, service=f"ca_file = {tmp_path}/not.pem"))
        (found,) = check(config)
        assert found.startswith(f"[service] ca_file: {tmp_path}/not.pem cannot be used")
