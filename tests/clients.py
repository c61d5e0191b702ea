"""Writes reports as the backup clients write them, wrong offsets included."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from enum import Enum

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


class Program(Enum):
    PERL = ("Online Backup Perl Script", "2.0.11", "linux")
    SEPIOLA = ("Sepiola Online Backup Client", "2.7.1", "Windows")


def perl_offset(at: datetime, zone: tzinfo) -> str:
    """The local time of day less UTC's, whatever the dates are; quarters with a digit too many."""
    local, utc = at.astimezone(zone), at.astimezone(UTC)
    minutes = (local.hour - utc.hour) * 60 + local.minute - utc.minute
    hours, rest = divmod(abs(minutes), 60)
    written = {0: "00", 15: "150", 30: "30", 45: "450"}[rest]
    return f"{'+' if minutes > 0 else '-'}{hours:02}:{written}"


def sepiola_offset(at: datetime, zone: tzinfo) -> str:
    """The offset as an unsigned number of 32 bits."""
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    if not offset:
        return "-00:00"
    hours, minutes = divmod(int(offset.total_seconds()) % 2**32 // 60, 60)
    return f"+{hours:02}:{minutes:02}"


def written_offset(program: Program, at: datetime, zone: tzinfo) -> str:
    return perl_offset(at, zone) if program is Program.PERL else sepiola_offset(at, zone)


def written_date(program: Program, at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M:%S}{written_offset(program, at, zone)}"


def start_file(
    program: Program, at: datetime, zone: tzinfo, run: str = "461239", version: str = ""
) -> bytes:
    date = f"<startdate>{written_date(program, at, zone)}</startdate>"
    return _file("backup_started", program, f"{date}<id>{run}</id>", version)


def end_file(
    program: Program,
    at: datetime,
    zone: tzinfo,
    run: str = "461239",
    version: str = "",
    success: bool = True,
) -> bytes:
    date = f"<enddate>{written_date(program, at, zone)}</enddate>"
    content = f"{date}<id>{run}</id><success>{int(success)}</success>"
    return _file("backup_ended", program, content, version)


def schedule_file(
    program: Program,
    at: datetime,
    zone: tzinfo,
    hours: Iterable[int],
    minutes: Iterable[int],
    weekdays: Iterable[int] | None,
) -> bytes:
    """The file as of *at*; Perl's cannot say its weekdays, and has its lists in one element."""
    days = "<every_day_of_week>*</every_day_of_week>"
    if program is Program.PERL:
        selected_minutes = f"<minute_selected>{','.join(map(str, minutes))}</minute_selected>"
        selected_hours = f"<hour_selected>{','.join(map(str, hours))}</hour_selected>"
    else:
        selected_minutes = "".join(f"<minute_selected>{n}</minute_selected>" for n in minutes)
        selected_hours = "".join(f"<hour_selected>{n}</hour_selected>" for n in hours)
        if weekdays is not None:
            days = "".join(f"<week_day>{n}</week_day>" for n in sorted(weekdays))
    return _file(
        "online_backup_schedule",
        program,
        f"<custom_online_backup><minutes>{selected_minutes}</minutes>"
        f"<hours>{selected_hours}</hours>"
        "<days_of_month><every_day_of_month>*</every_day_of_month></days_of_month>"
        f"<months><everymonth>*</everymonth></months><days_of_week>{days}</days_of_week>"
        f"<timezone>{written_offset(program, at, zone)}</timezone></custom_online_backup>",
    )


def no_schedule_file(program: Program, after_startup: bool = False) -> bytes:
    """The file of a customer who backs up by hand, or after the computer is switched on."""
    minutes = "<minutes_after_startup>15</minutes_after_startup>"
    startup = f"<backup_after_startup>{minutes}</backup_after_startup>"
    return _file("online_backup_schedule", program, startup if after_startup else "<no_schedule/>")


def _file(root: str, program: Program, content: str, version: str = "") -> bytes:
    identifier, newest, system = program.value
    version = version or newest
    return (
        f'<?xml version="1.0"?>\n\n<{root} {XSI} xsi:schemaLocation="{root} {root}.xsd">\n{content}'
        f"<client><identifier>{identifier}</identifier><version>{version}</version>"
        f"<operatingsystem>{system}</operatingsystem></client>\n</{root}>\n"
    ).encode()
