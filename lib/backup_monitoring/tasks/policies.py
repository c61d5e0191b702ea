"""What do the rules take from the settings? One policy per section."""

from typing import Any, TypeVar, cast

P = TypeVar("P")


class Policies:
    """The policies of all rules, each found by its type; one that is not given has its defaults.

    Args:
        policies: at most one of each type.
    """

    def __init__(self, *policies: object) -> None:
        self._by_type: dict[type, Any] = {type(policy): policy for policy in policies}

    def __getitem__(self, policy: type[P]) -> P:
        """Return the policy of this type."""
        try:
            return cast("P", self._by_type[policy])
        except KeyError:
            default = self._by_type[policy] = policy()
            return default

    def replace(self, policy: object) -> "Policies":
        """Return a copy with *policy* in place of the one of its type."""
        return Policies(*(self._by_type | {type(policy): policy}).values())
