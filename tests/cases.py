"""Objects that the rules' tests share: short to write, literal to read."""

from datetime import UTC, datetime, timedelta

from backup_monitoring.model.uploads import (
    Client,
    Computer,
    End,
    History,
    Pattern,
    Receipt,
    Schedule,
    Start,
    Uploads,
)

PERL = Client("Online Backup Perl Script", "2.0.11", "linux")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """The UTC time of *text*, ISO 8601 with offset."""
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None
    return moment.astimezone(UTC)


def offset(text: str) -> timedelta:
    value = datetime.fromisoformat(text).utcoffset()
    assert value is not None
    return value


def start(text: str, client: Client | None = PERL, came: str | None = None) -> Start:
    """A start that came when its computer's clock showed *text*, or at another time."""
    return Start(at(text), offset(text), "461239", client, Receipt(at(came or text)))


def end(
    text: str, success: bool = True, client: Client | None = PERL, came: str | None = None
) -> End:
    return End(at(text), offset(text), "461239", success, client, Receipt(at(came or text)))


def daily(
    hour: int, minute: int = 0, utc: int = 1, modified: datetime = LONG_AGO, **more: frozenset[int]
) -> Schedule:
    pattern = Pattern(frozenset([minute]), frozenset([hour]), timedelta(hours=utc), **more)
    return Schedule(pattern, PERL, modified)


def hourly(utc: int = 1, modified: datetime = LONG_AGO) -> Schedule:
    pattern = Pattern(frozenset([0]), frozenset(range(24)), timedelta(hours=utc))
    return Schedule(pattern, PERL, modified)


def uploads(*computers: Computer) -> Uploads:
    return Uploads(computers, data=bool(computers))


def computer(
    name: str = "web01",
    start: Start | None = None,
    end: End | None = None,
    schedule: Schedule | None = None,
    history: History | None = None,
) -> Computer:
    return Computer(name, start, end, schedule, history)
