"""Elements of a page or an XML file, built as a tree: text in it is text, whatever it says.

Nothing here joins strings into markup. Every text and attribute value goes through `orchestrator.screens.sanitize`
when the element is made, and is escaped when the tree is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, tostring

from orchestrator.screens.sanitize import clean_lines

#: characters of one text at most
_LONGEST = 20_000


def node(name: str, attributes: Mapping[str, str], *children: Element | str) -> Element:
    """An element with these children, in order; texts among them lose all that is not plainly visible."""
    made = Element(name, {key: visible(value) for key, value in attributes.items()})
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + visible(child)
        else:
            last.tail = (last.tail or "") + visible(child)
    return made


def verbatim(name: str, text: str) -> Element:
    """An element around a text of our own, kept to the character."""
    made = Element(name)
    made.text = text
    return made


def visible(text: str) -> str:
    """The text, several lines if it has them, with nothing in it that no XML file may hold."""
    return clean_lines(text, limit=_LONGEST)


def as_html(root: Element) -> str:
    """The tree as an HTML document."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def as_xml(root: Element) -> str:
    """The tree as an XML document in UTF-8."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"
