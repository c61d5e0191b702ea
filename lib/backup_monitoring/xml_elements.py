"""Reads a client's small XML file into the texts of its elements, refusing what none writes."""

from xml.parsers.expat import ExpatError, ParserCreate

MAX_DEPTH = 8
MAX_ELEMENTS = 1000
BLANKS = " \t\r\n"

Elements = dict[str, list[str]]


class FormError(Exception):
    """A report has another form than its client writes; the text says what, in a few words."""


def read_elements(data: bytes, root: str) -> Elements:
    """Return the texts of the elements below *root* by path, such as ``client/version``.

    Texts are without blanks around. An element with children has the text ''. Elements that
    stand in a namespace have it, and a blank, before their name, so that they are nobody's.

    Args:
        data: the file, UTF-8; hostile.
        root: name of the outermost element.

    Raises:
        FormError: *data* is empty, torn, no XML, in another encoding, has a document type
            or entities of its own, is too deep or has too many elements, or another root.
    """
    if not data.strip():
        raise FormError("empty file")
    collector = _Collector(root)
    # Given here, the encoding is not the file's choice; a file that declares another is refused.
    parser = ParserCreate("UTF-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    parser.XmlDeclHandler = _refuse_encodings
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        raise FormError(f"no well-formed XML ({error})") from error
    except (ValueError, LookupError) as error:
        raise FormError("no text in UTF-8") from error
    return collector.elements


class _Collector:
    """What expat calls: keeps the texts by path."""

    __slots__ = ("_count", "_leaf", "_open", "_root", "_text", "elements")

    def __init__(self, root: str) -> None:
        self.elements: Elements = {}
        self._root = root
        self._open: list[str] = []
        self._text = ""
        self._leaf = True
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        opened = self._open
        self._count += 1
        if len(opened) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise FormError("too many elements, or too deep")
        if opened:
            parent = opened[-1]
            opened.append(f"{parent}/{name}" if parent else name)
            if self._text.strip(BLANKS):
                raise FormError("text between elements")
        elif name == self._root:
            opened.append("")
        else:
            # The other name is not told: it may be a part of somebody else's file.
            raise FormError(f"no {self._root}")
        self._text = ""
        self._leaf = True

    def text(self, text: str) -> None:
        self._text += text

    def end(self, name: str) -> None:
        path = self._open.pop()
        text = self._text.strip(BLANKS)
        if text and not self._leaf:
            raise FormError("text between elements")
        if path in self.elements:
            self.elements[path].append(text)
        else:
            self.elements[path] = [text]
        self._text = ""
        self._leaf = False


def _refuse_encodings(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.upper() != "UTF-8":
        raise FormError("another encoding than UTF-8")


def _refuse_doctype(name: str, system: str | None, public: str | None, internal: bool) -> None:
    raise FormError("a document type, which no client writes")
