"""Reading protocol buffers in text form, such as `models.config` of TensorFlow Serving.

protobuf itself reads them only with the servers' own message classes, which an extra
brings for TensorFlow Serving and no package brings for Triton.
"""

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from keras_gan.errors import InputError

_TOKEN = re.compile(
    r"""#.*|\s+|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[\w.+-]+|[{}<>\[\]:;,]|(.)"""
)


@dataclass
class Message:
    """A message: its fields in their order, and where in the text it stands.

    Args:
        fields: pairs of a name and a value, which is a `Message` or a text. A field
            that is repeated has a pair for each value.
        begin: index of the text's first character that belongs to it.
        end: index behind its last one.

    Example:

    ```python
    from export import prototext

    text = 'config { name: "digits" labels { key: "stable" value: 2 } }'
    message = prototext.read(text, "models.config")
    assert message.all("config", "labels", "value") == ["2"]
    ```
    """

    fields: list[tuple[str, Any]]
    begin: int = field(compare=False)
    end: int = field(compare=False)

    def all(self, *path: str) -> list:
        """Returns the values of a field, or of a field of fields."""
        values: list = [self]
        for name in path:
            messages = [value for value in values if isinstance(value, Message)]
            values = [v for message in messages for n, v in message.fields if n == name]
        return values


def read(text: str, file: Any) -> Message:
    """Returns the message in a text.

    Args:
        text: what to read.
        file: path that an error names.

    Raises:
        InputError: if it is not such a text.
    """
    tokens = []
    for match in _TOKEN.finditer(text):
        if match[1] is not None:
            raise _unreadable(text, match.start(), file)
        if not match[0].isspace() and not match[0].startswith("#"):
            tokens.append((match[0], match.start()))
    tokens.append(("", len(text)))
    tokens.reverse()

    def value():
        token, begin = tokens.pop()
        if token in ("{", "<"):
            return message("}" if token == "{" else ">", begin)
        if token.startswith(('"', "'")):
            try:
                return ast.literal_eval(token)  # it has the same escapes
            except (SyntaxError, ValueError):
                raise _unreadable(text, begin, file) from None
        if not re.fullmatch(r"[\w.+-]+", token):
            raise _unreadable(text, begin, file)
        return token

    def message(closing, begin):
        fields: list[tuple[str, Any]] = []
        while True:
            name, start = tokens.pop()
            if name == closing:
                return Message(fields, begin, start + len(name))
            if name in (";", ","):
                continue
            if not re.fullmatch(r"\w+", name):
                raise _unreadable(text, start, file)
            if tokens[-1][0] == ":":
                tokens.pop()
            if tokens[-1][0] == "[":
                tokens.pop()
                while tokens[-1][0] != "]":
                    fields.append((name, value()))
                    if tokens[-1][0] == ",":
                        tokens.pop()
                tokens.pop()
            else:
                fields.append((name, value()))

    return message("", 0)


def _unreadable(text, index, file):
    line = text.count("\n", 0, index) + 1
    return InputError(
        f"{file} cannot be read from line {line} on. Mend it, or remove it and export "
        "again."
    )


def whole_numbers(values: list, file: Any) -> set[int]:
    """Returns the numbers that values of fields are.

    Args:
        values: what `Message.all` returned.
        file: path that an error names.

    Raises:
        InputError: if a value is not a whole number.
    """
    try:
        return {int(value, 0) for value in values}
    except (TypeError, ValueError):
        raise InputError(
            f"{file} has versions {', '.join(map(str, values))}. Give whole numbers."
        ) from None
