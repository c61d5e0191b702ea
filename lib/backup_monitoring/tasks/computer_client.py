"""Which backup program does a computer use?"""

from datetime import datetime

from backup_monitoring.model import Client, Computer, End, Schedule, Start
from backup_monitoring.tasks.clocks import date_report
from backup_monitoring.tasks.readable import separate_invalid


def find_client(computer: Computer, now: datetime) -> Client | None:
    """Return the program that wrote the newest report of *computer* that names one."""
    computer = separate_invalid(computer).computer
    dated = [each for each in (computer.start, computer.end) if isinstance(each, Start | End)]
    dated.sort(key=lambda report: date_report(report, now).time, reverse=True)
    schedule = [computer.schedule] if isinstance(computer.schedule, Schedule) else []
    clients = (report.client for report in [*dated, *schedule])
    return next((client for client in clients if client is not None), None)
