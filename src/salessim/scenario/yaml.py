"""YAML, restricted: what a person writes, and nothing that surprises or attacks.

No aliases, anchors or tags, no duplicate keys, bounded depth and size; only the scalars of YAML 1.2, so that `no`,
`1:30` and dates stay the words they are. Every value remembers its line, for messages.
"""

from __future__ import annotations

import math
import re
import stat
from pathlib import Path
from typing import Any

import yaml

from salessim.errors import InputError

MOST_BYTES, MOST_DEPTH, MOST_NODES = 1 << 23, 64, 200_000
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
          "null": None, "Null": None, "NULL": None, "~": None, "": None}  # fmt: skip

_SIGNS = {"：": ": ", "，": ", ", "｛": "{", "｝": "}", "［": "[", "］": "]", "【": "[", "】": "]", "“": '"', "”": '"', "＃": "# ", "－": "- ", "　": " "}
"""Signs of YAML as a Chinese keyboard types them, and what to write instead."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|(?:^|\s)#.*$")

Path_ = tuple[str | int, ...]


class Positions:
    """The line of every value of a file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines: dict[Path_, int] = {}

    def mark(self, path: Path_, line: int) -> None:
        """Remember the line of a path."""
        self._lines[path] = line

    def line(self, path: Path_) -> int | None:
        """The line of a path or of its nearest ancestor."""
        for end in range(len(path), -1, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return None

    def place(self, path: Path_) -> str:
        """`file:line` of a path."""
        line = self.line(path)
        return self.name if line is None else f"{self.name}:{line}"


def read_bytes(path: str | Path, what: str = "file", most: int = MOST_BYTES) -> bytes:
    """What a regular file of bounded size holds.

    Raises:
        InputError: missing, a folder, a device, unreadable, too large or empty.
    """
    file, name = Path(path), str(path)
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        near = [p.name for p in file.parent.glob(f"*{file.suffix}")][:3] if file.parent.is_dir() else []
        hint = f"there is {', '.join(sorted(near))} beside it" if near else "check the path"
        raise InputError(name, f"there is no such {what}", hint) from None
    except OSError as problem:
        raise InputError(name, f"the {what} cannot be reached ({problem.strerror})", "check the path") from None
    except ValueError:
        raise InputError(repr(name), "the path holds a zero byte", "give the path of a file") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise InputError(name, f"this is {kind}", f"give the path of a {what}")
    if file.stat().st_size > most:
        raise InputError(name, f"the {what} is larger than {most // 1024} KiB", "split it or check that it is the right one")
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise InputError(name, f"the {what} cannot be read ({problem.strerror})", "check its permissions") from None
    if not data.strip():
        raise InputError(name, f"the {what} is empty", "check that it was saved")
    return data


def read_text(path: str | Path, what: str = "file", most: int = MOST_BYTES) -> str:
    """The text of a regular UTF-8 file of bounded size.

    Raises:
        InputError: missing, a folder, a device, unreadable, too large, empty, binary or not UTF-8.
    """
    data, name = read_bytes(path, what, most), str(path)
    if b"\x00" in data:
        raise InputError(name, "this is a binary file or UTF-16", "save it as UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise InputError(f"{name}:{line}", "the text is not UTF-8", "save it with the encoding UTF-8") from None


def load_yaml(text: str, name: str) -> tuple[Any, Positions]:
    """The data of a YAML text and the lines it stands on.

    Args:
        text: the YAML.
        name: what to call it in messages, usually the file's path.

    Raises:
        InputError: with file, line and remedy.

    Example:
        >>> load_yaml("a: {b: 1}", "x.yaml")[0]
        {'a': {'b': 1}}
    """
    positions = Positions(name)
    count = 0

    def fail(node: Any, problem: str, remedy: str) -> InputError:
        mark = node.start_mark
        return InputError(f"{name}:{mark.line + 1}" if mark else name, problem, remedy)

    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise fail(event, "anchors and aliases (& and *) are not allowed", "write the value out")
            tag = getattr(event, "tag", None)
            if tag is not None:
                raise fail(event, f"the tag {tag!r} is not allowed", "write plain values")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            count += 1
            if depth > MOST_DEPTH:
                raise fail(event, f"the nesting is deeper than {MOST_DEPTH}", "check the brackets and the indentation")
            if count > 2 * MOST_NODES:
                raise fail(event, f"there are more than {MOST_NODES} values", "split the file")
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        said = getattr(problem, "problem", None) or getattr(problem, "reason", None) or "this is not YAML"
        if "expected a single document" in str(problem):
            said = "there is more than one document"
        wide = _full_width(text, mark.line if mark else 0)
        if wide is not None:
            line, column, sign = wide
            raise InputError(f"{name}:{line + 1}", f"the sign {sign!r} in column {column + 1} is a full-width one, which YAML takes for text", f"write {_SIGNS[sign]!r}") from None
        place = f"{name}:{mark.line + 1}" if mark else name
        raise InputError(place, f"the YAML cannot be read ({said})", "check indentation, colons and quotes") from None
    if root is None:
        raise InputError(name, "the file holds no data", "write a scenario or copy an example")

    def build(node: Any, path: Path_) -> Any:
        positions.mark(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            result: dict[Any, Any] = {}
            lines: dict[Any, int] = {}
            for key_node, value_node in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise fail(key_node, "a key is a list or a mapping", "write a plain name")
                key = _scalar(key_node, fail)
                key = key_node.value if key is None or isinstance(key, float | bool) else key
                if key in lines:
                    raise fail(key_node, f"{key!r} is given twice (first in line {lines[key]})", "keep one of them")
                if key == "<<":
                    raise fail(key_node, "merge keys (<<) are not allowed", "write the values out")
                lines[key] = key_node.start_mark.line + 1
                result[key] = build(value_node, (*path, key))
                positions.mark((*path, key), lines[key])
            return result
        if isinstance(node, yaml.SequenceNode):
            return [build(item, (*path, i)) for i, item in enumerate(node.value)]
        return _scalar(node, fail)

    return build(root, ()), positions


def _full_width(text: str, line: int) -> tuple[int, int, str] | None:
    """Line, column and sign of the full-width sign because of which a text cannot be read; None if that is not why.

    A sign is to blame if the text can be read with it as a half-width one, or gets further than before.

    Args:
        text: what cannot be read.
        line: where the reader stopped, from 0; the sign may stand some lines above.
    """
    lines = text.split("\n")
    for at in range(min(line, len(lines) - 1), max(-1, line - 4), -1):
        bare = _QUOTED.sub(lambda m: " " * len(m[0]), lines[at])
        wide = [i for i, c in enumerate(bare) if c in _SIGNS]
        if not wide:
            continue
        mended = "".join(_SIGNS[c] if i in wide else c for i, c in enumerate(lines[at]))
        try:
            for _ in yaml.parse("\n".join([*lines[:at], mended, *lines[at + 1 :]]), Loader=yaml.CSafeLoader):
                pass
        except yaml.YAMLError as problem:
            mark = getattr(problem, "problem_mark", None)
            if mark is None or mark.line <= line:
                continue
        return at, wide[0], lines[at][wide[0]]
    return None


def _scalar(node: Any, fail: Any) -> Any:
    text = node.value
    if node.style:  # quoted or a block: always a string
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) < 19:
        return int(text)
    if _INFINITE.fullmatch(text):
        raise fail(node, f"{text} is not a finite number", "write a finite number")
    if _FLOAT.fullmatch(text) and any(c.isdigit() for c in text):
        value = float(text)
        if not math.isfinite(value):
            raise fail(node, f"{text} is not a finite number", "write a finite number")
        return value
    return text


class _Dumper(yaml.SafeDumper):
    """Block style with short leaves in one line; strings that would be read as something else are quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_string(dumper: Any, text: str) -> Any:
    plain = text in _WORDS or _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) or _INFINITE.fullmatch(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if plain else None)


def _represent_mapping(dumper: Any, data: dict[Any, Any]) -> Any:
    leaf = len(repr(data)) < 100 and not any(isinstance(v, dict | list) for v in data.values())
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=leaf and len(data) > 0)


def _represent_list(dumper: Any, data: Any) -> Any:
    leaf = not any(isinstance(v, dict | list) for v in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=leaf)


_Dumper.add_representer(str, _represent_string)
_Dumper.add_representer(dict, _represent_mapping)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)


def dump_yaml(data: Any) -> str:
    """Readable YAML that `load_yaml` reads back to the same data; the order of keys is kept.

    Example:
        >>> print(dump_yaml({"a": {"b": "1:30", "c": [1, 2]}}), end="")
        a:
          b: 1:30
          c: [1, 2]
    """
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
