"""A refused member is told exactly what is missing, and whom to send what."""

from __future__ import annotations

import html
from urllib.parse import unquote

import pytest

from tests.whitelist.factories import ADDRESS, make_host, make_network, make_zone
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import Browser, text_of
from tests.whitelist.pages.scenarios import Scenario, name_of, page_of
from whitelist.addresses import parse_address
from whitelist.models import OmittedRecord
from whitelist.pages.admin_text import contact_email
from whitelist.pages.records import address_record, finished, pointer_record, right_record

pytestmark = pytest.mark.django_db

FORWARD = "lab154.ee.nthu.edu.tw. IN A 140.114.64.154"
REVERSE = "154.64.114.140.in-addr.arpa. IN PTR lab154.ee.nthu.edu.tw."
WRONG = "154.64.114.140.in-addr.arpa. IN PTR lab154.ee.nthu.edu.tw.64.114.140.in-addr.arpa."
PATTERN = [
    "HOSTNAME. IN A 140.114.64.154",
    "154.64.114.140.in-addr.arpa. IN PTR HOSTNAME.",
]
# What the message asks for, line by line, and the code that a help desk can search for
MESSAGES: dict[Scenario, tuple[list[str], str]] = {
    scenarios.no_name: (
        ["Please register a domain name (forward and reverse):", *PATTERN], "IP-NO-NAME",
    ),
    scenarios.generated_name: (
        ["Please register a domain name (forward and reverse):", *PATTERN], "IP-GENERATED-NAME",
    ),
    scenarios.needs_forward: (
        ["Please add the forward record (A or AAAA) of this name:", FORWARD], "IP-NEEDS-FORWARD",
    ),
    scenarios.needs_reverse: (
        ["Please add the reverse record (PTR) of this IP:", REVERSE], "IP-NEEDS-REVERSE",
    ),
    scenarios.malformed: (
        ["Please correct this record:", WRONG, "It should be:", REVERSE], "IP-MALFORMED",
    ),
    scenarios.too_young: (["Please let this name count already:"], "IP-REVIEW-TOO-YOUNG"),
    scenarios.series: (
        ["Please decide whether this name is that of one computer:"], "IP-REVIEW-SERIES",
    ),
    scenarios.expired_zone: (
        ["Please look at the registration of this IP:"], "IP-REVIEW-EXPIRED-ZONE",
    ),
    scenarios.live_differs: (
        ["Please look at the registration of this IP:"], "IP-REVIEW-LIVE-DIFFERS",
    ),
    scenarios.overridden: (
        ["Please look at the registration of this IP:"], "IP-REVIEW-OVERRIDE",
    ),
}  # fmt: skip
REVIEWS = [scenario for scenario, (_wish, code) in MESSAGES.items() if "REVIEW" in code]
FOR_THE_UNIT = [scenario for scenario in MESSAGES if scenario not in REVIEWS]


def message_in(page: str) -> str:
    return html.unescape(page.split('id="blk"')[1].split("</pre>", maxsplit=1)[0].partition(">")[2])


def mail_in(page: str) -> tuple[str, str]:
    """The address and the body of the mail that the page offers."""
    link = page.split('class="btn primary" href="mailto:')[1].partition('"')[0]
    address, _question, fields = html.unescape(link).partition("?")
    assert "+" not in fields  # mail programs take it for a plus
    return address, unquote(fields.partition("body=")[2])


class TestMessage:
    @pytest.mark.parametrize(("scenario", "message"), MESSAGES.items(), ids=name_of)
    def test_it_names_exactly_what_is_missing(
        self, scenario: Scenario, message: tuple[list[str], str]
    ) -> None:
        wish, code = message
        lines = message_in(page_of(scenario)).splitlines()
        assert lines[: len(wish) + 1] == [*wish, ""]
        assert f"IP: {ADDRESS}" in lines
        assert f"Code: {code}" in lines
        assert any(line.startswith("Checked: 2026-11-24 12:0") for line in lines)

    @pytest.mark.parametrize("scenario", MESSAGES, ids=name_of)
    def test_records_and_codes_are_the_same_in_chinese(self, scenario: Scenario) -> None:
        wish, code = MESSAGES[scenario]
        lines = message_in(page_of(scenario, language="zh-TW")).splitlines()
        assert [line for line in lines if " IN " in line] == [
            line for line in wish if " IN " in line
        ]
        assert any(line.endswith(code) for line in lines)

    def test_an_ipv6_address_has_records_of_its_own_kind(self) -> None:
        make_network("2001:288:e001::/48")
        text = message_in(text_of(Browser("2001:288:e001:64::154").sign_in().get()))
        assert "HOSTNAME. IN AAAA 2001:288:e001:64::154" in text
        assert (
            "4.5.1.0.0.0.0.0.0.0.0.0.0.0.0.0.4.6.0.0.1.0.0.e.8.8.2.0.1.0.0.2.ip6.arpa. IN" in text
        )

    @pytest.mark.parametrize(
        "scenario", [s for s in MESSAGES if s not in (scenarios.no_name, scenarios.malformed)],
        ids=name_of,
    )  # fmt: skip
    def test_the_name_that_was_seen_is_shown(self, scenario: Scenario) -> None:
        page = page_of(scenario)
        if scenario in (scenarios.overridden, scenarios.live_differs):
            assert "Domain name seen" not in page
        else:
            assert "Name seen: " in message_in(page)
            assert "Domain name seen" in page


class TestWhoHelps:
    @pytest.mark.parametrize("scenario", FOR_THE_UNIT, ids=name_of)
    def test_the_mail_to_the_units_admin_is_written_already(self, scenario: Scenario) -> None:
        page = page_of(scenario, contact_email="net@example.edu.tw")
        assert mail_in(page) == ("ee-net@example.edu.tw", message_in(page))
        assert "Email the network admin" in page

    @pytest.mark.parametrize("scenario", REVIEWS, ids=name_of)
    def test_a_review_is_asked_of_the_service_itself(self, scenario: Scenario) -> None:
        page = page_of(scenario, contact_email="net@example.edu.tw")
        assert mail_in(page) == ("net@example.edu.tw", message_in(page))
        assert "Email Network Systems" in page

    def test_where_the_unit_has_no_email_the_service_has(self) -> None:
        browser = Browser().sign_in()
        make_network(contact="分機 31131")
        scenarios.set_service(contact_email="net@example.edu.tw")
        assert mail_in(text_of(browser.get()))[0] == "net@example.edu.tw"

    def test_an_admin_without_email_is_shown_as_text(self) -> None:
        browser = Browser().sign_in()
        make_network(contact="林管理 03-571-5131 <b>")
        text = text_of(browser.get())
        assert "mailto:" not in text
        assert '<span lang="zh-Hant">林管理</span> 03-571-5131 &lt;b&gt;' in text

    @pytest.mark.parametrize(
        ("contact", "email"),
        [
            ("ee-net@example.edu.tw", "ee-net@example.edu.tw"),
            ("林管理 <lin@ee.example.edu.tw>, 分機 31131", "lin@ee.example.edu.tw"),
            ("林管理（lin@ee.example.edu.tw）", ""),
            ("分機 31131", ""),
            ("", ""),
            ("a@b?cc=x@y.example", ""),
        ],
    )
    def test_an_email_is_found_only_where_one_stands(self, contact: str, email: str) -> None:
        assert contact_email(contact) == email


class TestWhatHappened:
    @pytest.mark.parametrize(
        ("scenario", "sentence"),
        [
            (
                scenarios.malformed,
                "to lab154.ee.nthu.edu.tw.64.114.140.in-addr.arpa: the final dot is missing.",
            ),
            (scenarios.too_young, "It counts from Wed 25 Nov 2026, 11:0"),
            (scenarios.series, "is one of many names that are numbered like their IPs."),
            (scenarios.expired_zone, "the name servers of 64.114.140.in-addr.arpa have not"),
            (scenarios.live_differs, "it is not in the zones that they hand out."),
            (scenarios.overridden, "has decided so, until Thu 26 Nov 2026, 12:0"),
        ],
        ids=name_of,
    )
    def test_it_is_said_in_a_sentence(self, scenario: Scenario, sentence: str) -> None:
        assert sentence in html.unescape(page_of(scenario))

    def test_the_reason_of_staff_stays_inside(self) -> None:
        assert "stolen laptop" not in page_of(scenarios.overridden)

    def test_what_was_seen_is_shown_as_text(self) -> None:
        browser = Browser().sign_in()
        scenarios.malformed(browser)
        OmittedRecord.objects.update(target="<b>.64.114.140.in-addr.arpa", owner="<i>.in-addr.arpa")
        page = text_of(browser.get())
        assert "<b>" not in page.replace("<b>SMTP", "")
        assert "<i>" not in page
        assert "&lt;b&gt;" in page


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("pc1.ee.nthu.edu.tw.64.114.140.in-addr.arpa", "pc1.ee.nthu.edu.tw"),
        ("pc1.ee.nthu.edu.tw.114.140.in-addr.arpa", "pc1.ee.nthu.edu.tw"),
        ("pc1.ee.nthu.edu.tw.0/27.64.114.140.in-addr.arpa", "pc1.ee.nthu.edu.tw"),
        ("pc1.ee.nthu.edu.tw.1.0.0.e.8.8.2.0.1.0.0.2.ip6.arpa", "pc1.ee.nthu.edu.tw"),
        ("pc1.ee.nthu.edu.tw.in-addr.arpa", "pc1.ee.nthu.edu.tw"),
        ("64.114.140.in-addr.arpa", ""),
        ("in-addr.arpa", ""),
        ("pc1.ee.nthu.edu.tw", "pc1.ee.nthu.edu.tw"),
    ],
)
def test_a_target_without_its_final_dot_is_told_as_it_was_meant(target: str, meant: str) -> None:
    assert finished(target) == meant


@pytest.mark.parametrize(
    ("kind", "owner", "target", "right"),
    [
        ("PTR", "154.64.114.140.in-addr.arpa", "lab154.ee.nthu.edu.tw.in-addr.arpa", REVERSE),
        ("PTR", "0154.64.114.140.in-addr.arpa", "lab154.ee.nthu.edu.tw", REVERSE),
        ("PTR", "154.64.114.140.in-addr.arpa", "_lab.ee.nthu.edu.tw", PATTERN[1]),
        ("PTR", "154.64.114.140.in-addr.arpa", "lab154.64.114.140.in-addr.arpa", PATTERN[1]),
        (
            "PTR",
            "154.128/25.64.114.140.in-addr.arpa",
            "lab154.ee.nthu.edu.tw.128/25.64.114.140.in-addr.arpa",
            "154.128/25.64.114.140.in-addr.arpa. IN PTR lab154.ee.nthu.edu.tw.",
        ),
        ("A", "-lab.ee.nthu.edu.tw", "140.114.64.154", PATTERN[0]),
    ],
)
def test_the_right_record_is_what_was_meant(kind: str, owner: str, target: str, right: str) -> None:
    record = OmittedRecord(owner=owner, type=kind, target=target)
    assert right_record(record, parse_address(ADDRESS), otherwise="HOSTNAME") == right


def test_the_records_that_are_asked_for_are_a_registration() -> None:
    """Who adds both, word by word, is registered."""
    make_network()
    address, name = parse_address(ADDRESS), "lab154.ee.nthu.edu.tw"
    assert (address_record(name, address), pointer_record(address, name)) == (FORWARD, REVERSE)
    for zone, kind in (("ee.nthu.edu.tw", "forward"), ("64.114.140.in-addr.arpa", "reverse")):
        make_host(zone=make_zone(zone, kind))
    assert 'data-state="apply"' in text_of(Browser().sign_in().get())
