"""The declaration of a key of the settings file, in the annotation of its field.

A section of the file is a NamedTuple. Each of its fields that is a key says all about it in one
place; the loader, ``backup_settings``, the annotated file and the documentation follow from it::

    grace: Annotated[timedelta, Key("how late a backup may start")] = timedelta(hours=2)
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import inf
from typing import Any

from backup_monitoring.model.verdicts import Range


class ThresholdForm:
    """How a key's value makes the good values of a `Threshold`.

    Args:
        kind: the type of the value. make: the value's good values. read: the value of these.
    """

    def __init__(
        self, kind: type, make: Callable[[Any], Range], read: Callable[[Range], Any]
    ) -> None:
        self.kind = kind
        self.make = make
        self.read = read


class Key:
    """What a key means, and what its field's name, type and default do not say.

    A plain class, as those beside it: each check defines them, and a NamedTuple takes longer.

    Args:
        help: its meaning, in Markdown; as in docs/settings.md.
        comment: its meaning in the annotated file; None: as *help*, '' for none.
        name: of the key, if it is not its field's.
        least, most: bounds of a whole number.
        choices: the texts that are valid.
        threshold: of a `Threshold`: how the key's value makes it.
        parse: makes a value that its type does not explain. Its ValueError completes the sentence
            "VALUE is ...", for example "not a duration", and may go on with "; " and the remedy.
        resolve: completes a value, given the folder of the settings file.
        derive: makes the default, given that of the field and the values of the keys above.
        keys: of a table with fixed keys, each with its meaning.
        unset: the default in words, if it is not plain.
        example: its value in the annotated file, if that is not the default.
        preset: the annotated file sets it, instead of showing it in a comment.
    """

    def __init__(
        self,
        help: str,
        comment: str | None = None,
        *,
        name: str = "",
        least: int = 0,
        most: int = 10**9,
        choices: tuple[str, ...] = (),
        threshold: ThresholdForm | None = None,
        parse: Callable[[object], object] | None = None,
        resolve: Callable[[Any, Any], object] | None = None,
        derive: Callable[[Any, Mapping[str, Any]], object] | None = None,
        keys: Mapping[str, str] = {},
        unset: str = "",
        example: Any = None,
        preset: bool = False,
    ) -> None:
        self.help = help
        self.comment = comment
        self.name = name
        self.least = least
        self.most = most
        self.choices = choices
        self.threshold = threshold
        self.parse = parse
        self.resolve = resolve
        self.derive = derive
        self.keys = keys
        self.unset = unset
        self.example = example
        self.preset = preset


def range_below_count(count: int) -> Range:
    """Return the good numbers if *count* and more are bad; 0 is off: all are good."""
    return Range(end=count - 1 if count else inf)


def parse_text(value: object) -> str:
    """Return *value* if it is a string."""
    if not isinstance(value, str):
        raise ValueError("not a string; put it in quotes")
    return value


# Bad is: above this percentage; this number and more; an age above this duration.
PERCENT = ThresholdForm(float, lambda percent: Range(end=percent), lambda good: good.end)
COUNT = ThresholdForm(int, range_below_count, lambda good: 0 if good.off else int(good.end) + 1)
AGE = ThresholdForm(
    timedelta,
    lambda age: Range(end=age.total_seconds()),
    lambda good: timedelta(seconds=good.end),
)
