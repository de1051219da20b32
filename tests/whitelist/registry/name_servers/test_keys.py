"""Key files: what BIND writes is read, what is wrong is named, and no secret is ever shown."""

from __future__ import annotations

import shutil
import subprocess
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelist.registry.name_servers.keys import ALGORITHMS, Key, KeyFileError, read_keys

SECRET = "c2VjcmV0IG9mIGEgc2VydmVy"
RAW = b"secret of a server"


def statement(name: str = "xfr", algorithm: str = "hmac-sha256", secret: str = SECRET) -> str:
    return f'key "{name}" {{\n\talgorithm {algorithm};\n\tsecret "{secret}";\n}};\n'


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_as_tsig_keygen_writes_it_is_read(algorithm):
    assert read_keys(statement(algorithm=algorithm)) == {"xfr": Key("xfr", algorithm, RAW)}


@pytest.mark.skipif(shutil.which("tsig-keygen") is None, reason="needs BIND's tools")
def test_what_the_tool_itself_writes_is_read():
    command = ["tsig-keygen", "-a", "hmac-sha512", "Campus.Transfer."]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    key = read_keys(text)["campus.transfer"]
    assert (key.algorithm, len(key.secret)) == ("hmac-sha512", 64)


@pytest.mark.parametrize(
    "text",
    [
        f'key xfr{{secret "{SECRET}";algorithm "HMAC-SHA256";}};',
        f"""// a comment
# another
/* key {{
 */ KEY XFR. {{ algorithm hmac-sha256; // x
 secret {SECRET}; /* y */ }} ; # end""",
        '\ufeffkey "xfr" { algorithm hmac-sha256; secret "c2VjcmV0IG9m\tIGEgc2VydmVy"; };',
        f'key\n"xfr"\n{{\nalgorithm\nhmac-sha256\n;\nsecret\n"{SECRET}"\n;\n}}\n;',
    ],
)
def test_other_spellings_say_the_same(text):
    assert read_keys(text) == {"xfr": Key("xfr", "hmac-sha256", RAW)}


def test_several_keys_stand_in_one_file_and_an_empty_one_has_none():
    assert set(read_keys(statement("a") + statement("B.c."))) == {"a", "b.c"}
    assert read_keys(" // nothing yet\n") == {}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (statement(algorithm="hmac-md5"), 2, "hmac-md5 is broken"),
        (statement(algorithm="hmac-md5.sig-alg.reg.int"), 2, "hmac-md5 is broken"),
        (statement(algorithm="hmac-sha256-128"), 2, "must be one of"),
        (statement(algorithm=SECRET), 2, "must be one of"),
        (statement(secret=SECRET + "!"), 3, "not base64"),
        (statement(secret=SECRET[:-1]), 3, "not base64"),
        (statement(secret="祕密"), 3, "not base64"),
        (statement(secret=""), 3, "empty"),
        (statement(name=""), 1, "not a domain name"),
        (statement(name="a b"), 1, "not a domain name"),
        (statement(name="a" * 64), 1, "not a domain name"),
        (statement(name=".".join(["a" * 63] * 4)), 1, "not a domain name"),
        (statement("a") + statement("A."), 5, "stands above already"),
        (f'key x {{ secret "{SECRET}"; }};', 1, "no algorithm"),
        ("key x { algorithm hmac-sha1; };", 1, "no secret"),
        (f'key x {{\nsecret "{SECRET}";\nsecret "{SECRET}"; }};', 3, "secret stands twice"),
        (f'key x {{\nsecret "{SECRET}"\n}};', 2, '";" is missing'),
        (f"key x {{ secret\n{SECRET} }};", 2, '";" is missing'),
        (f'key x\nsecret "{SECRET}";', 1, '"{" is missing'),
        (f'key x {{ secret "{SECRET}"; ', 1, "ends where"),
        (statement().removesuffix(";\n"), 4, "ends where"),
        ("key", 1, "ends where"),
        ("key {", 1, "is missing"),
        ("key x { algorithm ; };", 1, "is missing"),
        (f'key x {{ secrets "{SECRET}"; }};', 1, "nothing else"),
        (f"\n{SECRET}", 2, "only key statements"),
        ('include "/etc/bind/rndc.key";', 1, "only key statements"),
        ("};", 1, "only key statements"),
        (f'key x {{ secret "{SECRET}\n', 1, "not closed"),
        ("\n/* key", 2, "not closed"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_reason(text, line, reason):
    with pytest.raises(KeyFileError, match=reason) as caught:
        read_keys(text)
    assert str(caught.value).startswith(f"line {line}: ")
    assert SECRET[:8] not in str(caught.value)


@given(st.integers(0, 60), st.text('"{};/*#k \n', max_size=3))
def test_no_damage_to_a_file_brings_its_secret_to_light(at, junk):
    text = statement()
    shown = shown_of(text[:at] + junk + text[at:])
    for start in range(len(SECRET) - 5):
        assert SECRET[start : start + 6] not in shown
    assert RAW.decode()[7:] not in shown


def shown_of(text: str) -> str:
    try:
        return repr(read_keys(text))
    except KeyFileError:
        return traceback.format_exc()
