"""Work for the next items while this one is treated."""

import threading

import pytest

from backup_monitoring.outbox.ahead import work_ahead


def test_each_item_with_its_result_in_order() -> None:
    assert list(work_ahead(range(9), str)) == [(n, str(n)) for n in range(9)]
    assert list(work_ahead([], str)) == []


def test_the_next_one_is_ready_before_it_is_asked_for() -> None:
    done = [threading.Event() for _ in range(9)]

    def work(number: int) -> int:
        done[number].set()
        return number

    for number, _ in work_ahead(range(9), work):
        for following in done[number : number + 4]:
            assert following.wait(60)
        assert not any(each.is_set() for each in done[number + 4 :])


def test_who_stops_early_or_fails_leaves_no_work_behind() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 6:
            raise ValueError("six")
        return number

    for number, _ in work_ahead(range(100), work):
        if number == 2:
            break
    with pytest.raises(ValueError, match="six"):
        list(work_ahead(range(100), work))

    assert max(begun) < 10
    assert not [each for each in threading.enumerate() if each.name.startswith("ahead")]
