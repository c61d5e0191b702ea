"""Whether an account can be judged at all: what holds before any rule looks at numbers."""

from backup_monitoring.model import Account, AccountStatus, State, Uploads, Verdict


def check_status(account: Account) -> Verdict | None:
    """Return the verdict of an account that no rule judges, None for one that is watched."""
    if account.status is AccountStatus.UNCLEAR:
        return Verdict(State.UNKNOWN, account.status.value)
    if account.status is not AccountStatus.ACTIVE:
        return Verdict(State.OK, account.status.value)
    return None


def check_traversal(uploads: Uploads) -> str | None:
    """Return why *uploads* may lack computers, in words; None where they are all there."""
    if uploads.cut_short is None:
        return None
    return f"only a part of incoming was looked through: {uploads.cut_short}"


def check_home(account: Account, uploads: Uploads) -> Verdict | None:
    """Return the verdict of an account whose home cannot be looked into, None if it can."""
    if not account.provisioned and (uploads.missing or uploads.refused):
        return Verdict(State.OK, "not provisioned yet")
    if uploads.missing is not None:
        return Verdict(State.UNKNOWN, f"its home {uploads.missing} is not there")
    if uploads.refused is not None:
        return Verdict(State.UNKNOWN, f"its home may not be read: {uploads.refused}")
    return None
