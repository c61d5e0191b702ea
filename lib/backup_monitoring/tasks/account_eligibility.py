"""Which accounts have their verdict before any rule looks at their backups?"""

from datetime import UTC

from backup_monitoring.model import Account, AccountStatus, State, Uploads, Verdict, format_time


def check_status(account: Account) -> Verdict | None:
    """Return the verdict of an account that is not monitored or missing, None for others."""
    if account.loss is not None:
        since, reason = account.loss
        summary = f"missing since {format_time(since, UTC)}: {reason.value}"
        return Verdict(State.UNKNOWN, summary)
    if account.status in (AccountStatus.UNCLEAR, AccountStatus.DAMAGED):
        return Verdict(State.UNKNOWN, account.status.value)
    if account.status is not AccountStatus.ACTIVE:
        return Verdict(State.OK, account.status.value)
    return None


def check_home(account: Account, uploads: Uploads) -> Verdict | None:
    """Return the verdict of an account whose home directory cannot be read, None if it can."""
    if not account.provisioned and (uploads.missing or uploads.refused):
        return Verdict(State.OK, "not provisioned yet")
    if uploads.missing is not None:
        return Verdict(State.UNKNOWN, f"home directory {uploads.missing} does not exist")
    if uploads.refused is not None:
        return Verdict(State.UNKNOWN, f"cannot read home directory: {uploads.refused}")
    return None


def explain_cut_short(uploads: Uploads) -> str | None:
    """Return a sentence if *uploads* may lack computers, None if all of them were found."""
    if uploads.cut_short is None:
        return None
    return f"incoming was not searched completely: {uploads.cut_short}"
