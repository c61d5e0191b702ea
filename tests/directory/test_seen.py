"""Which uids were met before: exact, whatever they look like."""

from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.directory.seen import Seen

UIDS = st.text(st.sampled_from("017a²٣"), max_size=7)


@given(st.lists(UIDS))
def test_a_uid_is_met_again_just_as_a_set_says(uids: list[str]) -> None:
    seen = Seen()
    met: set[str] = set()

    for uid in uids:
        assert seen.again(uid) is (uid in met)
        met.add(uid)
