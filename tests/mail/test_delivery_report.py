"""Reports of mail servers, by them and by others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.mail.delivery_report import MAX_BYTES, DeliveryReport, parse_report
from backup_monitoring.mail.return_path import find_tokens, make_return_path

POSTFIX = b"""\
Return-Path: <>
X-Original-To: bounces+12-abc@example.org
Delivered-To: bounces@example.org
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: bounces+12-abc@example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="E3A4F12345.1764500000/mx.example.org"

This is a MIME-encapsulated message.

--E3A4F12345.1764500000/mx.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--E3A4F12345.1764500000/mx.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
X-Postfix-Queue-ID: E3A4F12345

Final-Recipient: rfc822; anna@example.org
Original-Recipient: rfc822;anna@example.org
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.org
Diagnostic-Code: smtp; 550 5.1.1 <anna@example.org>: Recipient address
    rejected: User unknown in local recipient table

--E3A4F12345.1764500000/mx.example.org
Content-Description: Undelivered Message
Content-Type: message/rfc822

Action: failed
Status: 5.1.6

--E3A4F12345.1764500000/mx.example.org--
"""


def test_a_report_of_postfix() -> None:
    assert parse_report(POSTFIX) == DeliveryReport(
        ("bounces+12-abc@example.org", "bounces@example.org", "bounces+12-abc@example.org"),
        (
            "5.1.1 smtp; 550 5.1.1 ‹anna@example.org›: Recipient address rejected: User unknown in "
            "local recipient table",
        ),
    )
    assert parse_report(POSTFIX.replace(b"\n", b"\r\n")) == parse_report(POSTFIX)


@pytest.mark.parametrize(
    ("was", "now", "count"),
    [
        (b"Status: 5.1.1", b"Status: 5.1.10", 1),
        (b"Status: 5.1.1", b"status:5.1.2 (no such host)", 1),
        (b"Status: 5.1.1", b"Status: 5.0.0", 1),  # Exim's: the diagnostic code says it
        (b"Status: 5.1.1", b"Status: 5.2.2", 0),
        (b"Status: 5.1.1\n", b"", 1),
        (b"550 5.1.1", b"550-5.1.1", 1),
        (b"Action: failed\nStatus", b"Action: delayed\nStatus", 0),
        (b"Action: failed\nStatus", b"Action: relayed\nStatus", 0),
        (b"Action: failed\nStatus", b"Status", 0),
        (b"message/delivery-status", b"text/plain", 0),
        (b"multipart/report", b"multipart/mixed", 0),
        (b"boundary=", b"border=", 0),
    ],
)
def test_what_is_a_failure_of_an_address(was: bytes, now: bytes, count: int) -> None:
    assert was in POSTFIX
    assert len(parse_report(POSTFIX.replace(was, now, 1)).failures) == count


@pytest.mark.parametrize("status", ["4.1.1", "5.1.0", "5.1.7", "5.1.8", "5.2.1", "5.4.4", "5.7.1"])
def test_what_is_not(status: str) -> None:
    report = POSTFIX.replace(b"5.1.1", status.encode())

    assert parse_report(report).failures == ()


def test_a_failure_is_one_harmless_line() -> None:
    hostile = POSTFIX.replace(b"<anna@example.org>", b"<b>\x1b[2J|\xff" + 4000 * b"x")

    (failure,) = parse_report(hostile).failures

    assert failure.isprintable()
    assert len(failure) <= 300
    assert not set("<|") & set(failure)


def test_only_the_beginning_of_a_report_is_read() -> None:
    assert parse_report(POSTFIX + b"x" * 10 * MAX_BYTES).failures
    late = POSTFIX.replace(b"Status: 5.1.1", b"x" * MAX_BYTES + b"\nStatus: 5.1.1")
    assert parse_report(late).failures == ()


@given(st.binary())
def test_any_bytes_are_parsed(data: bytes) -> None:
    assert parse_report(data).failures == ()


@given(
    st.lists(st.one_of(st.sampled_from(POSTFIX.split(b"\n")), st.binary(max_size=20)), max_size=60)
)
def test_any_lines_are_parsed(lines: list[bytes]) -> None:
    for failure in parse_report(b"\n".join(lines)).failures:
        assert failure.startswith("5.1.")


def test_deep_and_wide_reports_are_taken_apart_at_once() -> None:
    edge = b"Content-Type: multipart/report; boundary=x\n\n--x\n"

    assert parse_report(edge * (MAX_BYTES // len(edge))).failures == ()
    assert parse_report(b"To: a\n" * (MAX_BYTES // 6)).sent_to == ("a",) * 200
    wide = POSTFIX.replace(
        b"\nFinal-Rec", b"\nAction: failed\nStatus: 5.1.1\n\n" * 999 + b"\nFinal-Rec"
    )
    assert len(parse_report(wide).failures) <= 100


TEMPLATE = "bounces+{token}@example.org"


def test_the_token_of_a_return_path() -> None:
    texts = (
        "Anna <anna@example.org>",
        make_return_path(TEMPLATE, "12-abc"),
        "BOUNCES+7-DE@EXAMPLE.org",
    )

    assert list(find_tokens(TEMPLATE, texts)) == ["12-abc", "7-de"]
    assert (
        list(find_tokens(TEMPLATE, ("bounces+1-a@exampleXorg", "x" * 5000, "bounces+@example.org")))
        == []
    )
    assert make_return_path("", "12-abc") == ""
    assert make_return_path("bounces@example.org", "12-abc") == "bounces@example.org"
