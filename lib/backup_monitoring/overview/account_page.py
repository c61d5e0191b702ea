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
    ) -> tuple[object, ...]:
        """Return the values of a line, in the order in which the template unpacks them."""
        verdict, since = found.verdict, found.since
        return (
            found.task,
            verdict.state.name,
            problem.get("computer") or "",
            problem.get("summary") or self._texts.clean(verdict.summary),
            self._texts.clean_often(found.thresholds),
            "" if since is None else self._texts.write_time(since.at),
            since is not None and since.at_least,
            problem.get("cause") or ("unknown" if problem else ""),
            make_icinga_link(self._icinga_url, row, found.task),
        )

    def _draw_space(self, view: AccountView) -> dict[str, Any] | None:
        account, quota = view.account, next(iter(view.verdicts))
        if account.used is None or not account.capacity:
            return None
        sizes = [*view.sizes] or [(self._today, account.used)]
        growth = account.growth
        warning = next((each.warning for each in quota.verdict.metrics), None)
        threshold = None if warning is None else warning.plain
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
    ) -> Iterator[tuple[object, ...]]:
        """Yield the values of each computer, in the order in which the template unpacks them."""
        failing = {
            name: each.task
            for each in reversed(view.verdicts)
            if each.verdict.state is not State.OK
            for name in each.verdict.failing
        }
        retired = {name for each in view.verdicts for name in each.verdict.retired}
        for computer in view.uploads.computers[:_MOST_COMPUTERS]:
            client = view.clients.get(computer.name)
            strip = draw_strip(view.days.get(computer.name), self._today)
            yield (
                self._texts.clean(computer.name) or "(directly in incoming)",
                "" if client is None else self._texts.clean_often(" ".join(client)),
                self._texts.write_time(successes.get(computer.name)),
                failing.get(computer.name, ""),
                computer.name in retired,
                strip.svg,
                strip.lines,
            )

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
    for name, value in (("account", row["page"]), ("task", task), ("host", row["host"])):
        url = url.replace(f"{{{name}}}", value)
    return url
