"""Reads a client's small XML file into the texts of its elements, refusing what none writes."""

from xml.parsers.expat import ExpatError, ParserCreate

MAX_DEPTH = 8
MAX_NAME = 100
MAX_ELEMENTS = 400  # all values of all five fields of a schedule are 134
MAX_ATTRIBUTES = 400
MAX_LINES = 4000
BLANKS = " \t\r\n"

# By what they cannot be without: an element has two tags at most.
_MOST = (
    (b"<", 2 * MAX_ELEMENTS, "elements"),
    (b"=", MAX_ATTRIBUTES, "attributes"),
    (b"\n", MAX_LINES, "lines"),
    (b"\r", MAX_LINES, "lines"),
)

Elements = dict[str, list[str]]


class FormError(Exception):
    """A report has another form than its client writes; the text says what, in a few words."""


def read_elements(data: bytes, root: str) -> Elements:
    """Return the texts of the elements below *root* by path, such as ``client/version``.

    Texts are without blanks around; that of an element with children is ''. The name of an
    element in a namespace has its prefix, so that it is nobody's.

    Args:
        data: the file, UTF-8; hostile.
        root: name of the outermost element.

    Raises:
        FormError: *data* is empty, torn, no XML, in another encoding, has a document type
            or entities of its own, is too deep, has too many elements, attributes or lines,
            a name that is too long, a namespace of its own, or another root.
    """
    if not data or data.isspace():
        raise FormError("empty file")
    _refuse_other_encodings(data)
    _refuse_too_many(data)
    collector = _Collector(root)
    # Given here, the encoding is not the declaration's choice; one that names another is refused.
    # Without a separator, no name is made longer by its namespace: hundreds of attributes in one of
    # 50 KB would take a tenth of a second.
    parser = ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.chunks.append
    parser.XmlDeclHandler = _refuse_declared
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        raise FormError(f"no well-formed XML ({error})") from error
    except (ValueError, LookupError) as error:
        raise FormError("no well-formed XML") from error
    return collector.elements


class _Collector:
    """What expat calls: keeps the texts by path."""

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
                # The other name is not told: it may be a part of somebody else's file.
                raise FormError(f"no {self._root}")
            opened.append("")
        elif len(opened) == MAX_DEPTH:
            raise FormError("elements too deep")
        elif attributes and attributes.get("xmlns"):
            raise FormError("an element in a namespace, as no client writes it")
        elif len(name) > MAX_NAME:  # it is a part of each path below it
            raise FormError("the name of an element is too long")
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


def _refuse_other_encodings(data: bytes) -> None:
    # expat takes UTF-16 by its first bytes, whatever encoding it was told.
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise FormError("no text in UTF-8") from error
    if b"\0" in data:
        raise FormError("no text in UTF-8")


def _refuse_too_many(data: bytes) -> None:
    # Before they are parsed: 64 KiB of them take milliseconds, and a customer can have hundreds of
    # such files. What a client writes is too short to have so many.
    if len(data) <= MAX_ELEMENTS * 4:
        return
    for sign, most, name in _MOST:
        if data.count(sign) > most:
            raise FormError(f"too many {name}")


def _refuse_declared(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.upper() != "UTF-8":
        raise FormError("another encoding than UTF-8")


def _refuse_doctype(name: str, system: str | None, public: str | None, internal: bool) -> None:
    raise FormError("a document type, which no client writes")
