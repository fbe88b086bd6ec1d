"""A kind of document, and what its readers are told when one of them cannot be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """What the messages about one kind of file say; each is the fix of one problem."""

    #: an empty file, or one that is no mapping
    begin: str
    #: a path that is no regular file
    name_a_file: str
    #: more bytes than anybody writes by hand
    too_large: str
    #: an alias
    alias: str
    #: an anchor
    anchor: str
    #: more levels than the format has
    too_deep: str
    #: a second document in the same file
    one_document: str
    #: text that is not YAML and looks like a name with a range; "" = never looked for
    range_in_quotes: str = ""
