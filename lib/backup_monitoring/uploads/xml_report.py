"""Reads the texts of a small XML file's elements, and rejects what no client writes."""

from xml.parsers.expat import ExpatError, ParserCreate

MAX_DEPTH = 8
MAX_NAME = 100
MAX_ELEMENTS = 400  # a schedule with all values of its five fields has 134
MAX_ATTRIBUTES = 400
MAX_LINES = 4000
BLANKS = " \t\r\n"

# Counted by a character that each of them has; an element has up to two tags.
_LIMITS = (
    (b"<", 2 * MAX_ELEMENTS, "elements"),
    (b"=", MAX_ATTRIBUTES, "attributes"),
    (b"\n", MAX_LINES, "lines"),
    (b"\r", MAX_LINES, "lines"),
)

Elements = dict[str, list[str]]


class FormError(Exception):
    """A report is not as its client writes it; the text says why, in a few words."""


def read_elements(data: bytes, root: str) -> Elements:
    """Return the texts of the elements below *root* by path, for example ``client/version``.

    Texts are stripped; that of an element with children is ''. The name of an element in a
    namespace keeps its prefix, so that it does not match any name that is asked for.

    Args:
        data: the file's bytes in UTF-8, which may be hostile.
        root: name of the root element.

    Raises:
        FormError: *data* is empty, incomplete, not XML, or not UTF-8; it has another root, a
            document type, entities or a namespace; it is nested too deeply, has too many
            elements, attributes or lines, or too long a name.
    """
    if not data or data.isspace():
        raise FormError("empty file")
    _reject_encodings(data)
    _reject_large(data)
    collector = _Collector(root)
    # The encoding is given here, so that the declaration cannot choose; another one is rejected.
    # No separator is given, so that names are not expanded by their namespace: hundreds of
    # attributes in a namespace of 50 KB would take a tenth of a second.
    parser = ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.chunks.append
    parser.XmlDeclHandler = _reject_declaration
    parser.StartDoctypeDeclHandler = _reject_doctype
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        raise FormError(f"not well-formed XML ({error})") from error
    except (ValueError, LookupError) as error:
        raise FormError("not well-formed XML") from error
    return collector.elements


class _Collector:
    """Collects the texts of elements by path; expat calls its methods."""

    __slots__ = ("_leaf", "_open", "_root", "chunks", "elements")

    def __init__(self, root: str) -> None:
        self.elements: Elements = {}
        self.chunks: list[str] = []
        self._root = root
        self._open: list[str] = []
        self._leaf = True

    def start(self, name: str, attributes: dict[str, str]) -> None:
        opened = self._open
        if not opened:
            if name != self._root or attributes.get("xmlns"):
                # The name found is not shown: it may be part of somebody else's file.
                raise FormError(f"root element is not {self._root}")
            opened.append("")
        elif len(opened) == MAX_DEPTH:
            raise FormError("elements nested too deeply")
        elif attributes and attributes.get("xmlns"):
            raise FormError("an element in a namespace, which no client writes")
        elif len(name) > MAX_NAME:  # it is a part of each path below it
            raise FormError("an element name is too long")
        else:
            parent = opened[-1]
            opened.append(f"{parent}/{name}" if parent else name)
        self._leaf = True
        self.chunks.clear()

    def end(self, name: str) -> None:
        path = self._open.pop()
        text = "".join(self.chunks).strip(BLANKS) if self._leaf else ""
        self._leaf = False
        if path in self.elements:
            self.elements[path].append(text)
        else:
            self.elements[path] = [text]


def _reject_encodings(data: bytes) -> None:
    # expat accepts UTF-16 by its first bytes, whatever encoding it was given.
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise FormError("not text in UTF-8") from error
    if b"\0" in data:
        raise FormError("not text in UTF-8")


def _reject_large(data: bytes) -> None:
    # Before parsing: 64 KiB of them take milliseconds, and a customer can have hundreds of such
    # files. What a client writes is too short to exceed the limits.
    if len(data) <= MAX_ELEMENTS * 4:
        return
    for sign, most, name in _LIMITS:
        if data.count(sign) > most:
            raise FormError(f"too many {name}")


def _reject_declaration(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.upper() != "UTF-8":
        raise FormError("the encoding is not UTF-8")


def _reject_doctype(name: str, system: str | None, public: str | None, internal: bool) -> None:
    raise FormError("a document type, which no client writes")
