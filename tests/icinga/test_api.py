"""Icinga 2's API: what is said of one that does not answer."""

import pytest

from backup_monitoring.icinga.api import submit
from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model.verdicts import State
from backup_monitoring.settings.icinga import IcingaSettings
from net.hanging_up import LAST_WORDS, hanging_up

RESULT = CheckResult("backup-01", "4000101-quota", State.OK, ("fine",), ())


@pytest.mark.parametrize("last_words", LAST_WORDS.values(), ids=LAST_WORDS)
def test_an_api_that_hangs_up_instead_of_tls(last_words: bytes) -> None:
    with hanging_up(last_words) as port:
        url = f"https://localhost:{port}"
        submitted = submit([RESULT], IcingaSettings(url=url), seconds=5)

    assert submitted.missing == 1
    assert submitted.error is not None
    assert submitted.error.startswith(f"{url}: no answer (the server hung up); see whether Icinga")
