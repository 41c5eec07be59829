"""All that is somewhere within a protocol buffer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import Message


def messages_in(message: Message, kind: type[Message]) -> Iterator[Any]:
    """Yields the messages of a kind within a message, in the order of its fields."""
    for field, value in message.ListFields():
        if not field.message_type or _is_map(field):
            continue
        for part in [value] if isinstance(value, Message) else value:
            if isinstance(part, kind):
                yield part
            else:
                yield from messages_in(part, kind)


def replace_text(message: Message, names: Mapping[str, str]) -> None:
    """Replaces names in all strings, keys and byte strings within a message.

    Args:
        message: changed in place.
        names: old -> new. An old name that a digit follows is another one.
    """
    if not names:
        return
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    pattern = re.compile(f"(?:{'|'.join(longest_first)})(?![0-9])")

    def replaced(value: Any) -> Any:
        if isinstance(value, bytes):
            text = value.decode("latin-1")
            return pattern.sub(lambda found: names[found[0]], text).encode("latin-1")
        if isinstance(value, str):
            return pattern.sub(lambda found: names[found[0]], value)
        return value

    _visit(message, replaced)


def _is_map(field):
    return field.message_type and field.message_type.GetOptions().map_entry


def _visit(message, replaced):
    for field, value in message.ListFields():
        if _is_map(field):
            _visit_map(field, value, replaced)
        elif field.message_type:
            for part in [value] if isinstance(value, Message) else value:
                _visit(part, replaced)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            if isinstance(value, str | bytes):
                setattr(message, field.name, replaced(value))
            else:
                value[:] = list(map(replaced, value))


def _visit_map(field, entries, replaced):
    of_messages = field.message_type.fields_by_name["value"].message_type
    for key in list(entries):
        new = replaced(key)
        if of_messages:
            _visit(entries[key], replaced)
            if new != key:
                entries[new].CopyFrom(entries[key])
        else:
            entries[new] = replaced(entries[key])
        if new != key:
            del entries[key]
