"""`--gate`: one gate in one flag, `http url=http://shop/health at=background`, as the campaign file has it."""

from __future__ import annotations

import json
import re
import shlex

from tasks.errors import BadInput

_KEY = re.compile(r"[a-z][a-z_]{0,30}", re.ASCII)
#: a number or a flag is written without quotes
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?|true|false", re.ASCII)
_HINT = "Write KIND KEY=VALUE ...: --gate 'http url=http://shop/health at=background'."


def gate_text(text: str) -> str:
    """The gate as an item of the list `gates` of a campaign file, which then reads and refuses it in its own words."""
    try:
        kind, *pairs = shlex.split(text)
    except ValueError as error:
        what = str(error) if text.strip() else "it is empty"
        raise BadInput(f"--gate cannot be {text[:80]!r}: {what}", hint=_HINT) from None
    items = [f"kind: {json.dumps(kind)}"]
    seen: set[str] = set()
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not _KEY.fullmatch(key) or key == "kind":
            raise BadInput(f"--gate cannot be {text[:80]!r}: {pair[:80]!r} is not KEY=VALUE", hint=_HINT)
        if key in seen:
            raise BadInput(f"--gate cannot be {text[:80]!r}: it gives {key} twice", hint=_HINT)
        seen.add(key)
        items.append(f"{key}: {_value(key, value, text)}")
    return f"{{{', '.join(items)}}}"


def _value(key: str, value: str, text: str) -> str:
    if key == "waves":
        return f"[{', '.join(_value('', item, text) for item in value.split(','))}]"
    if key != "argv":
        return value if _PLAIN.fullmatch(value) else json.dumps(value)
    try:
        return json.dumps(shlex.split(value))
    except ValueError as error:
        raise BadInput(f"--gate cannot be {text[:80]!r}: argv: {error}", hint=_HINT) from None
