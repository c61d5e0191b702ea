"""The page of one account: what its template shows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from backup_monitoring.model import GIB, Account, Finding, Role, State, encode_name
from backup_monitoring.outbox import Notice
from backup_monitoring.overview.account_rows import Row
from backup_monitoring.overview.drawings import Space, draw_space, draw_strip
from backup_monitoring.overview.fleet import AccountView
from backup_monitoring.overview.texts import PageTexts
from backup_monitoring.store import AccountVerdict
from backup_monitoring.tasks import find_client

_MOST_COMPUTERS = 100  # a customer can make any number of folders
_MOST_LINES = 50
_ROLES = {Role.CUSTOMER: "customer", Role.RESELLER: "reseller", Role.OPERATOR: "operator"}


class AccountPages:
    """Makes what the pages of accounts show.

    Args:
        texts: of the pages. as_of: of the run, aware UTC. today: its day in the pages' zone.
        icinga_url: as of ``[overview]``. show_recipients: with addresses.
    """

    def __init__(
        self,
        texts: PageTexts,
        as_of: datetime,
        today: int,
        icinga_url: str,
        *,
        show_recipients: bool,
    ) -> None:
        self._texts = texts
        self._as_of = as_of
        self._today = today
        self._icinga_url = icinga_url
        self._show_recipients = show_recipients

    def make(
        self, view: AccountView, row: Row, successes: Mapping[str, datetime]
    ) -> dict[str, Any]:
        """Return the variables of the page of an account.

        Args:
            row: of the front page. successes: the last successful backup of each computer.
        """
        problems = {problem["task"]: problem for problem in row["tasks"]}
        return {
            "row": row,
            "resellers": [(uid, encode_name(uid)) for uid in view.resellers],
            "checks": [
                self._make_check(each, row, problems.get(each.task, {})) for each in view.verdicts
            ],
            "space": self._draw_space(view),
            "computers": list(self._list_computers(view, successes)),
            "more_computers": max(0, len(view.uploads.computers) - _MOST_COMPUTERS),
            "findings": self._list_findings(view.account, view.uploads.findings),
            "notices": [self._make_notice(each) for each in view.notices[:_MOST_LINES]],
        }

    def _make_check(
        self, found: AccountVerdict, row: Row, problem: Mapping[str, Any]
    ) -> dict[str, Any]:
        verdict, since = found.verdict, found.since
        return {
            "task": found.task,
            "state": verdict.state.name,
            "computer": problem.get("computer") or "",
            "summary": problem.get("summary") or self._texts.clean(verdict.summary),
            "thresholds": self._texts.clean(found.thresholds),
            "since": "" if since is None else self._texts.write_time(since.at),
            "at_least": since is not None and since.at_least,
            "cause": problem.get("cause") or ("unknown" if problem else ""),
            "icinga": make_icinga_link(self._icinga_url, row, found.task),
        }

    def _draw_space(self, view: AccountView) -> dict[str, Any] | None:
        account, quota = view.account, next(iter(view.verdicts))
        if account.used is None or not account.capacity:
            return None
        sizes = [*view.sizes] or [(self._today, account.used)]
        growth = account.growth
        threshold = getattr(quota.verdict.facts, "threshold_percent", None)
        per_day = None if growth is None else growth.per_day
        drawn = draw_space(Space(sizes, account.capacity, threshold, per_day), self._today)
        return {
            "svg": drawn,
            "used": f"{account.used / GIB:.1f} GiB",
            "capacity": f"{account.capacity / GIB:.1f} GiB",
            "threshold": "" if threshold is None else f"{threshold:g}",
            "grows": bool(per_day),
            "text": [self._texts.clean(text) for text in quota.verdict.details],
        }

    def _list_computers(
        self, view: AccountView, successes: Mapping[str, datetime]
    ) -> Iterator[dict[str, Any]]:
        failing = {
            name: each.task
            for each in reversed(view.verdicts)
            if each.verdict.state is not State.OK
            for name in each.verdict.failing
        }
        retired = {name for each in view.verdicts for name in each.verdict.retired}
        for computer in view.uploads.computers[:_MOST_COMPUTERS]:
            client = find_client(computer, self._as_of)
            yield {
                "name": self._texts.clean(computer.name) or "(directly in incoming)",
                "client": "" if client is None else self._texts.clean(" ".join(client)),
                "last_success": self._texts.write_time(successes.get(computer.name)),
                "strip": draw_strip(view.days.get(computer.name), self._today),
                "failing": failing.get(computer.name, ""),
                "retired": computer.name in retired,
            }

    def _list_findings(
        self, account: Account, of_home: Sequence[Finding]
    ) -> list[tuple[str, str, str]]:
        return [
            (each.kind, self._texts.clean(each.where), self._texts.clean(each.problem))
            for each in (*account.findings, *of_home)[:_MOST_LINES]
        ]

    def _make_notice(self, notice: Notice) -> dict[str, Any]:
        return {
            "at": self._texts.write_time(notice.at),
            "task": notice.task,
            "kind": notice.kind.name.lower().replace("_", " "),
            "state": notice.state.name,
            "status": "sent" if notice.is_sent else "waits" if notice.is_waiting else "refused",
            "role": _ROLES.get(notice.role, notice.role.name.lower()),
            "address": self._texts.clean(notice.address) if self._show_recipients else "",
        }


def make_icinga_link(url: str, row: Row, task: str) -> str:
    """Return the link *url* for a check of an account, '' for none."""
    if not url:
        return ""
    # Names in objects have no characters that a link may not have.
    host = encode_name(str(row["host"]))
    for name, value in (("account", row["page"]), ("task", task), ("host", host)):
        url = url.replace(f"{{{name}}}", value)
    return url
