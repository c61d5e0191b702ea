"""Remembers which uids were met, in little memory."""


class Seen:
    """The uids that were met.

    The provider's are numbers, given in a row: a bit each instead of a text each keeps a run over
    100,000 accounts as small as one over 10,000.
    """

    def __init__(self) -> None:
        self._bits: dict[str, int] = {}  # of the last three digits, by what stands before them
        self._others: set[str] = set()

    def again(self, uid: str) -> bool:
        """Remember *uid*; tell whether it was met before."""
        digits = uid[-3:]
        if len(digits) == 3 and digits.isascii() and digits.isdigit():
            before, bit = self._bits.get(uid[:-3], 0), 1 << int(digits)
            self._bits[uid[:-3]] = before | bit
            return before & bit != 0
        met = uid in self._others
        self._others.add(uid)
        return met
