"""The issuers file: strict, read again when it changes, and never a reason to refuse somebody."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pytest_django.fixtures import Settings

from portal_auth.errors import PortalUnavailable
from portal_auth.issuers import IssuersError, configured_issuers, parsed_issuers, simulator_issuer
from tests.portal_auth.portal import ISS, TestPortal, new_rsa_key, public_pem, write_issuers

KEY = Ed25519PrivateKey.generate()
PEM = public_pem(KEY)
RSA_KEY = new_rsa_key()
SMALL_RSA_KEY = new_rsa_key(1024)
ED448_KEY = Ed448PrivateKey.generate()
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PRIVATE_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PKCS1_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def document() -> dict[str, Any]:
    return {"issuers": [TestPortal(keys={"2026-1": KEY}).document()]}


def parsed(value: Any) -> Any:
    return parsed_issuers(json.dumps(value).encode(), "issuers.json")


def set_at(*path: str | int, to: Any) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = to

    return change


def without(*path: str | int) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        del value[path[-1]]

    return change


def test_a_good_file_names_each_issuer_with_its_keys() -> None:
    issuer = parsed(document())[ISS]
    assert issuer.aud == "https://services.example"
    assert issuer.alg == "EdDSA"
    assert set(issuer.keys) == {"2026-1"}
    assert issuer.display_name("zh-hant") == "校務資訊系統"
    assert issuer.display_name("en") == "Campus portal"
    assert issuer.display_name("fr") == "Campus portal"


def test_an_empty_list_is_a_file_without_issuers() -> None:
    assert parsed({"issuers": []}) == {}


def test_a_key_with_line_ends_of_windows_is_read() -> None:
    value = document()
    value["issuers"][0]["keys"][0]["public_key"] = PEM.replace("\n", "\r\n")
    assert set(parsed(value)) == {ISS}


FIRST = ("issuers", 0)
FIRST_KEY = (*FIRST, "keys", 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("issuers"), "the document lacks issuers"),
        (set_at("extra", to=1), "the document has the unknown member 'extra'"),
        (set_at("issuers", to={}), "issuers is no array"),
        (set_at("issuers", 0, to="x"), "issuers[0] is no object"),
        (without(*FIRST, "iss"), "issuers[0] lacks iss"),
        (without(*FIRST, "login_url"), "issuers[0] lacks login_url"),
        (set_at(*FIRST, "jwks_uri", to="https://x"), "issuers[0] has the unknown member"),
        (set_at(*FIRST, "iss", to=""), "issuers[0].iss is no text, or is empty"),
        (set_at(*FIRST, "iss", to=" x"), "issuers[0].iss begins or ends with white space"),
        (set_at(*FIRST, "iss", to="x" * 201), "issuers[0].iss is longer than 200"),
        (set_at(*FIRST, "aud", to=["a"]), "issuers[0].aud is no text"),
        (set_at(*FIRST, "name", to="Portal"), "issuers[0].name is no object"),
        (without(*FIRST, "name", "en"), "issuers[0].name lacks en"),
        (set_at(*FIRST, "name", "fr", to="x"), "issuers[0].name has the unknown member 'fr'"),
        (set_at(*FIRST, "name", "en", to=None), "issuers[0].name.en is no text"),
        (set_at(*FIRST, "login_url", to="javascript:alert(1)"), "login_url is no http or https"),
        (set_at(*FIRST, "login_url", to="/login"), "login_url is no http or https URL"),
        (set_at(*FIRST, "login_url", to="https://[x"), "login_url is no URL"),
        (set_at(*FIRST, "alg", to="HS256"), "issuers[0].alg is 'HS256', neither EdDSA nor RS256"),
        (set_at(*FIRST, "alg", to="none"), "issuers[0].alg is 'none'"),
        (set_at(*FIRST, "alg", to=["EdDSA"]), "issuers[0].alg is ['EdDSA']"),
        (set_at(*FIRST, "alg", to="RS256"), "keys[0].public_key is not an RSA key"),
        (set_at(*FIRST, "keys", to=[]), "issuers[0].keys is empty"),
        (set_at(*FIRST, "keys", to={"2026-1": PEM}), "issuers[0].keys is no array"),
        (set_at(*FIRST_KEY, "kid", to=7), "issuers[0].keys[0].kid is no text"),
        (without(*FIRST_KEY, "kid"), "issuers[0].keys[0] lacks kid"),
        (set_at(*FIRST_KEY, "alg", to="EdDSA"), "keys[0] has the unknown member 'alg'"),
        (set_at(*FIRST_KEY, "public_key", to="x"), "public_key is not one block"),
        (set_at(*FIRST_KEY, "public_key", to=PRIVATE_PEM), "is a private key"),
        (set_at(*FIRST_KEY, "public_key", to=PKCS1_PEM), "public_key is not one block"),
        (set_at(*FIRST_KEY, "public_key", to=PEM + PEM), "public_key is not one block"),
        (set_at(*FIRST_KEY, "public_key", to=PEM.replace("MC", "MD")), "no public key in PEM"),
        (set_at(*FIRST_KEY, "public_key", to=public_pem(RSA_KEY)), "is not an Ed25519 key"),
        (set_at(*FIRST_KEY, "public_key", to=public_pem(ED448_KEY)), "is not an Ed25519 key"),
        (set_at(*FIRST_KEY, "public_key", to=public_pem(EC_KEY)), "is not an Ed25519 key"),
        (set_at(*FIRST_KEY, "public_key", to=7), "keys[0].public_key is no text"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(
    change: Callable[[Any], None], says: str
) -> None:
    value = document()
    assert set(parsed(value)) == {ISS}
    change(value)
    with pytest.raises(IssuersError) as error:
        parsed(value)
    assert says in str(error.value)
    assert str(error.value).startswith("issuers.json: ")
    assert "\n" not in str(error.value)


def test_small_rsa_keys_are_refused() -> None:
    portal = TestPortal(alg="RS256", keys={"1": SMALL_RSA_KEY})
    with pytest.raises(IssuersError, match="has 1024 bits, fewer than 2048"):
        parsed({"issuers": [portal.document()]})
    assert parsed({"issuers": [TestPortal(alg="RS256", keys={"1": RSA_KEY}).document()]})


def test_a_repeated_issuer_or_key_id_is_refused() -> None:
    one = document()["issuers"][0]
    with pytest.raises(IssuersError, match=r"issuers\[1\].iss is given twice"):
        parsed({"issuers": [one, one]})
    one["keys"] *= 2
    with pytest.raises(IssuersError, match=r"keys\[1\].kid is given twice"):
        parsed({"issuers": [one]})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff{}", "is not JSON"),
        (b'{"issuers": [], "issuers": []}', "has the member 'issuers' twice"),
        (b'{"issuers": NaN}', "holds NaN"),
        (b"[" * 100_000, "is nested too deeply"),
        (b" " * ((1 << 20) + 1), "is larger than a mebibyte"),
    ],
)
def test_what_is_no_strict_json_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(IssuersError, match=says):
        parsed_issuers(data, "issuers.json")


# The running service


def test_a_changed_file_is_read_again_without_a_restart(
    portal: TestPortal, issuers_file: Path
) -> None:
    assert set(configured_issuers()[ISS].keys) == {"2026-1"}
    portal.keys["2026-2"] = Ed25519PrivateKey.generate()
    write_issuers(issuers_file, portal)
    assert set(configured_issuers()[ISS].keys) == {"2026-1", "2026-2"}
    del portal.keys["2026-1"]
    write_issuers(issuers_file, portal)
    assert set(configured_issuers()[ISS].keys) == {"2026-2"}


def test_a_change_that_keeps_size_and_time_stamp_is_seen(
    portal: TestPortal, issuers_file: Path
) -> None:
    before = configured_issuers()[ISS].keys["2026-1"]
    stamp = issuers_file.stat()
    portal.keys["2026-1"] = Ed25519PrivateKey.generate()
    write_issuers(issuers_file, portal)
    os.utime(issuers_file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert issuers_file.stat().st_size == stamp.st_size
    assert configured_issuers()[ISS].keys["2026-1"] != before


@pytest.mark.usefixtures("portal")
def test_a_file_that_goes_away_or_bad_makes_us_unavailable_until_it_is_back(
    issuers_file: Path,
) -> None:
    good = issuers_file.read_bytes()
    issuers_file.unlink()
    with pytest.raises(PortalUnavailable, match="cannot read"):
        configured_issuers()
    issuers_file.write_bytes(good[:-20])
    with pytest.raises(PortalUnavailable, match="is not JSON"):
        configured_issuers()
    issuers_file.write_bytes(good)
    assert ISS in configured_issuers()


@pytest.mark.usefixtures("portal")
def test_the_simulator_is_believed_only_where_it_is_on(settings: Settings) -> None:
    iss = simulator_issuer().iss
    assert set(configured_issuers()) == {ISS, iss}
    settings.PORTAL_SIMULATOR = False
    assert set(configured_issuers()) == {ISS}


def test_without_a_file_there_is_no_issuer(settings: Settings) -> None:
    settings.PORTAL_ISSUERS_FILE = None
    settings.PORTAL_SIMULATOR = False
    assert configured_issuers() == {}
