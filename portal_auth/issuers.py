"""The portals that we believe, and their public keys.

They come from the JSON file that `PORTAL_ISSUERS_FILE` names, and, where the simulator is
on, from its development key. Several keys of one issuer are valid side by side, by `kid`:
that is how a key is rotated.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings

from portal_auth.development_key import development_key
from portal_auth.errors import PortalUnavailable
from portal_auth.issuer import Algorithm, Issuer, PublicKey
from portal_auth.strict_json import StrictJsonError, strict_loads

logger = logging.getLogger(__name__)

LANGUAGES = ("zh-hant", "en")
MIN_RSA_BITS = 2048
MAX_FILE_BYTES = 1 << 20
MAX_ISS_LENGTH = 200
ISSUER_MEMBERS = ("iss", "aud", "name", "login_url", "alg", "keys")
PUBLIC_PEM = "-----BEGIN PUBLIC KEY-----"
SIMULATOR_PATH = "/portal-simulator/"
SIMULATOR_KID = "simulator"


class IssuersError(Exception):
    """The issuers file is unreadable or malformed: the place, and why, in one line."""


def configured_issuers() -> dict[str, Issuer]:
    """All issuers by `iss`, as the file says at this moment.

    Raises `PortalUnavailable` while the file or the development key cannot be read.
    """
    try:
        issuers = dict(FILE.issuers(settings.PORTAL_ISSUERS_FILE))
    except IssuersError as error:
        logger.error("%s", error)
        raise PortalUnavailable(str(error)) from error
    if settings.PORTAL_SIMULATOR:
        simulator = simulator_issuer()
        issuers[simulator.iss] = simulator
    return issuers


def simulator_issuer() -> Issuer:
    """The portal simulator, with the development key of this installation."""
    try:
        key = development_key(settings.VAR_DIR)
    except (OSError, ValueError) as error:
        raise PortalUnavailable(f"the development key cannot be read: {error}") from error
    return Issuer(
        iss=f"{settings.BASE_URL}/portal-simulator",
        aud=settings.BASE_URL,
        name={"zh-hant": "校務資訊系統（模擬）", "en": "Campus portal (simulator)"},
        login_url=SIMULATOR_PATH,
        alg="EdDSA",
        keys={SIMULATOR_KID: key.public_key()},
    )


@dataclass
class IssuersFile:
    """The file's issuers. Read at every call, parsed again when its bytes changed.

    So a key is rotated without a restart, and a time stamp that did not move hides nothing.
    """

    # Replaced as one: another thread may look at any moment.
    last: tuple[bytes, dict[str, Issuer]] | None = None

    def issuers(self, path: Path | None) -> dict[str, Issuer]:
        if path is None:
            return {}
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise IssuersError(f"cannot read {path}: {error.strerror}") from error
        last = self.last
        if last is None or last[0] != data:
            last = self.last = data, parsed_issuers(data, str(path))
        return last[1]


FILE = IssuersFile()


# The strict parser


def parsed_issuers(data: bytes, source: str = "issuers file") -> dict[str, Issuer]:
    """The issuers in the file's bytes, by `iss`.

    Raises `IssuersError` that names the place, such as `issuers[1].keys[0].kid`.
    """
    try:
        if len(data) > MAX_FILE_BYTES:
            raise IssuersError("is larger than a mebibyte")
        document = members(strict_loads(data), "the document", ("issuers",))
        issuers: dict[str, Issuer] = {}
        for number, item in enumerate(array(document["issuers"], "issuers")):
            place = f"issuers[{number}]"
            issuer = one_issuer(item, place)
            if issuer.iss in issuers:
                raise IssuersError(f"{place}.iss is given twice: {issuer.iss}")
            issuers[issuer.iss] = issuer
    except (IssuersError, StrictJsonError) as error:
        raise IssuersError(f"{source}: {error}") from error
    return issuers


def one_issuer(item: Any, place: str) -> Issuer:
    values = members(item, place, ISSUER_MEMBERS)
    iss = text(values["iss"], f"{place}.iss")
    if len(iss) > MAX_ISS_LENGTH:
        raise IssuersError(f"{place}.iss is longer than {MAX_ISS_LENGTH} characters")
    alg = algorithm(values["alg"], f"{place}.alg")
    names = members(values["name"], f"{place}.name", LANGUAGES)
    return Issuer(
        iss=iss,
        aud=text(values["aud"], f"{place}.aud"),
        name={code: text(names[code], f"{place}.name.{code}") for code in LANGUAGES},
        login_url=web_address(values["login_url"], f"{place}.login_url"),
        alg=alg,
        keys=keys(values["keys"], alg, f"{place}.keys"),
    )


def keys(value: Any, alg: Algorithm, place: str) -> dict[str, PublicKey]:
    found: dict[str, PublicKey] = {}
    for number, item in enumerate(array(value, place)):
        here = f"{place}[{number}]"
        entry = members(item, here, ("kid", "public_key"))
        kid = text(entry["kid"], f"{here}.kid")
        if kid in found:
            raise IssuersError(f"{here}.kid is given twice: {kid}")
        found[kid] = public_key(entry["public_key"], alg, f"{here}.public_key")
    if not found:
        raise IssuersError(f"{place} is empty")
    return found


def public_key(value: Any, alg: Algorithm, place: str) -> PublicKey:
    if not isinstance(value, str):
        raise IssuersError(f"{place} is no text")
    pem = value.strip()
    if "PRIVATE KEY" in pem:
        raise IssuersError(f"{place} is a private key; only the public one belongs here")
    if not pem.startswith(PUBLIC_PEM) or pem.count("-----BEGIN") > 1:
        raise IssuersError(f"{place} is not one block that begins with {PUBLIC_PEM}")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IssuersError(f"{place} is no public key in PEM form") from error
    if alg == "EdDSA" and isinstance(key, Ed25519PublicKey):
        return key
    if alg == "RS256" and isinstance(key, RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise IssuersError(f"{place} has {key.key_size} bits, fewer than {MIN_RSA_BITS}")
        return key
    wanted = "an Ed25519" if alg == "EdDSA" else "an RSA"
    raise IssuersError(f"{place} is not {wanted} key, which {alg} needs")


def algorithm(value: Any, place: str) -> Algorithm:
    match value:
        case "EdDSA":
            return "EdDSA"
        case "RS256":
            return "RS256"
        case _:
            raise IssuersError(f"{place} is {value!r}, neither EdDSA nor RS256")


def members(value: Any, place: str, names: tuple[str, ...]) -> dict[str, Any]:
    """A JSON object with exactly these members."""
    if not isinstance(value, dict):
        raise IssuersError(f"{place} is no object")
    for name in names:
        if name not in value:
            raise IssuersError(f"{place} lacks {name}")
    for name in value:
        if name not in names:
            raise IssuersError(f"{place} has the unknown member {name!r}")
    return value


def array(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise IssuersError(f"{place} is no array")
    return value


def text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise IssuersError(f"{place} is no text, or is empty")
    if value != value.strip():
        raise IssuersError(f"{place} begins or ends with white space")
    return value


def web_address(value: Any, place: str) -> str:
    address = text(value, place)
    try:
        url = urlsplit(address)
        host = url.hostname
    except ValueError as error:
        raise IssuersError(f"{place} is no URL: {error}") from error
    if url.scheme not in {"https", "http"} or not host:
        raise IssuersError(f"{place} is no http or https URL")
    return address
