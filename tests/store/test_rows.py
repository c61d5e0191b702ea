"""What is written into the store comes back as it was, whatever customers and entries say."""

import sqlite3
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.accounts import (
    Account,
    AccountStatus,
    Growth,
    Loss,
    LossReason,
    SizeDrop,
)
from backup_monitoring.model.codec import Codec
from backup_monitoring.model.findings import Finding
from backup_monitoring.model.needs import Need
from backup_monitoring.model.uploads import (
    Client,
    End,
    History,
    InvalidReport,
    NoSchedule,
    Pattern,
    Receipt,
    Schedule,
    Start,
)
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.schema import (
    COMPUTER_HISTORY,
    END,
    SCHEDULE,
    START,
    TABLES,
    list_columns,
    make_account_row,
    read_account,
    write_text,
)

# Names and ids are bytes from outside: those that are no UTF-8 are surrogates.
texts = st.text(st.characters(exclude_categories=[]) | st.characters(categories=["Cs"]), max_size=9)
times = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - as hypothesis wants it
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
offsets = st.integers(-15 * 60, 15 * 60).map(lambda minutes: timedelta(minutes=minutes))
clients = st.none() | st.builds(Client, texts, texts, texts)
receipts = st.builds(Receipt, times, st.booleans(), st.none() | offsets)
starts = st.builds(Start, times, offsets, texts, clients, receipts)
ends = st.builds(End, times, offsets, texts, st.booleans(), clients, receipts)
numbers = st.frozensets(st.integers(0, 59))
patterns = st.builds(Pattern, numbers, numbers, offsets, *[st.none() | numbers] * 3)
schedules = st.builds(
    Schedule, patterns | st.sampled_from(NoSchedule), clients, times, st.booleans()
)
unreadable = st.builds(
    InvalidReport, texts, texts, st.none() | receipts, st.none() | starts | ends | schedules
)
lengths = st.lists(offsets, max_size=3).map(tuple)
histories = st.builds(
    History,
    times,
    st.integers(0, 10_000),
    st.booleans(),
    *[st.none() | times] * 7,
    lengths,
    st.none() | times,
)
tracked_computers = st.builds(
    TrackedComputer,
    times,
    st.none() | starts,
    st.none() | ends,
    st.integers(0, 10_000),
    st.booleans(),
    st.none() | times,
    st.none() | times,
    st.none() | times,
    st.none() | schedules,
    *[st.none() | times] * 4,
    offsets,
    texts,
    *[st.none() | times] * 3,
    lengths,
)
growths = st.none() | st.builds(
    Growth,
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 30),
    st.none() | st.builds(SizeDrop, st.integers(0, 2**70), st.integers(0, 2**70), st.dates()),
)
# Entries hold whole numbers of up to 19 digits, and used space is a sum of several.
sizes = st.none() | st.integers(0, 3 * 10**19) | st.sampled_from([2**63 - 1, 2**63, 2 * 10**19])
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9)
# A folder's name, and so a home, is bytes.
names = st.binary(min_size=1, max_size=9).map(lambda name: name.decode("utf-8", "surrogateescape"))
accounts = st.builds(
    Account,
    names,
    names,
    st.sampled_from(AccountStatus),
    st.booleans(),
    st.lists(words, max_size=3).map(tuple),
    st.none() | names,
    st.none() | times,
    sizes,
    sizes,
    st.none() | words,
    st.none() | st.integers(1, 100),
    st.none() | st.integers(0, 99),
    st.none() | st.integers(0, 99),
    st.dictionaries(texts, times, max_size=3),
    st.lists(st.builds(Finding, texts, texts, texts), max_size=3).map(tuple),
    growths,
    st.none() | st.builds(Loss, times, st.sampled_from(LossReason)),
    st.none() | st.integers(0, 2**32),
)


@given(unreadable | starts)
def test_starts(report: Start | InvalidReport) -> None:
    assert START.decode(START.encode(report)) == report


@given(unreadable | ends)
def test_ends(report: End | InvalidReport) -> None:
    assert END.decode(END.encode(report)) == report


@given(unreadable | schedules)
def test_schedules(report: Schedule | InvalidReport) -> None:
    assert SCHEDULE.decode(SCHEDULE.encode(report)) == report


@given(histories)
def test_histories(history: History) -> None:
    assert COMPUTER_HISTORY.decode(COMPUTER_HISTORY.encode(history)) == history


@given(tracked_computers)
def test_tracked_computers(tracked: TrackedComputer) -> None:
    codec: Codec[TrackedComputer] = Codec(TrackedComputer)

    assert codec.decode(codec.encode(tracked)) == tracked


@given(accounts, st.booleans())
def test_accounts(account: Account, in_scope: bool) -> None:
    db = sqlite3.connect(":memory:")
    db.executescript(TABLES)
    row = make_account_row(account, in_scope)
    db.execute(f"INSERT INTO accounts VALUES (NULL, {', '.join('?' * len(row))})", row)

    found = db.execute(f"SELECT {list_columns(Need.ALL)} FROM accounts").fetchone()
    db.close()

    assert read_account(found) == account


def test_an_entry_with_a_size_out_of_any_range_spoils_no_run() -> None:
    account = Account("4000101", "", used=9_999_999_999_999_999_999, capacity=2**63)

    test_accounts.hypothesis.inner_test(account, True)  # type: ignore[attr-defined]


@given(texts)
def test_any_text_can_be_held(text: str) -> None:
    write_text(text).encode()


def test_a_growth_keeps_its_day() -> None:
    account = Account("4000101", "", growth=Growth(1.5, 9, SizeDrop(100, 10, date(2026, 11, 20))))

    test_accounts.hypothesis.inner_test(account, True)  # type: ignore[attr-defined]


@given(accounts)
def test_what_is_not_needed_is_not_read(account: Account) -> None:
    db = sqlite3.connect(":memory:")
    db.executescript(TABLES)
    row = make_account_row(account, True)
    db.execute(f"INSERT INTO accounts VALUES (NULL, {', '.join('?' * len(row))})", row)

    found = db.execute(f"SELECT {list_columns(Need.CREATED)} FROM accounts").fetchone()
    db.close()

    plain = account._replace(
        **{
            name: Account("", "")._asdict()[name]
            for name in (
                *("hosts", "home", "used", "capacity", "quota_missing", "quota_threshold"),
                *("warning_numbers", "warning_days", "last_successes", "growth", "uid_number"),
            )
        }
    )
    assert read_account(found) == plain
