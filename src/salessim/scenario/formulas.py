"""The small language of formulas: `0.3 + 0.1 * (waited / 1 day)`, `discount > 10 % and value > 50000 EUR`.

Read here, checked for units, and turned into the instructions that `stages.formulas` runs. Nothing is ever handed to
Python's own evaluation. Times, money and plain numbers are told apart: "waited + 1" is refused, "waited / 1 h" is a
number.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from salessim.stages.formulas import (
    AGE,
    AUTOMATED,
    BRANCH,
    CHANNEL,
    COST,
    DEPTH,
    NORMAL,
    QUEUE,
    SEGMENT,
    SPENT,
    UNIFORM,
    VALUE,
    VISIT,
    WAITED,
    Op,
)
from salessim.units import quantity

Dimension = Literal["number", "time", "money"]
LONGEST = 1000
"""Characters of a formula."""

NAMES: dict[str, tuple[int, Dimension]] = {
    "waited": (WAITED, "time"),
    "age": (AGE, "time"),
    "spent": (SPENT, "time"),
    "visit": (VISIT, "number"),
    "value": (VALUE, "money"),
    "cost": (COST, "money"),
    "queue": (QUEUE, "number"),
    "automated": (AUTOMATED, "number"),
    "uniform": (UNIFORM, "number"),
    "normal": (NORMAL, "number"),
    "branch": (BRANCH, "number"),
}
"""What every case knows of itself."""
DRAWS = ("uniform", "normal")
"""Names that are a fresh draw each time; only where a value is set."""
_ONE = {"exp": Op.EXP, "log": Op.LOG, "sqrt": Op.SQRT, "abs": Op.ABS, "floor": Op.FLOOR, "round": Op.ROUND, "logistic": Op.LOGISTIC}
_WORDS = {"and", "or", "not", "true", "false", "segment", "channel", "min", "max", "if", "clamp", "on", "in_use", "owned", *_ONE}
RESERVED = frozenset({*NAMES, *_WORDS})
_COMPARE = {"<": Op.LESS, "<=": Op.AT_MOST, "==": Op.EQUAL, "!=": Op.DIFFERENT}
_NUMBER = r"(?:\d[\d_]*)?\.?\d+(?:[eE][+-]?\d+)?"
_UNIT = r"\s*(?:[%％]|(?!(?:and|or|not)\b)[^\W\d_]+)"
_FIGURE = rf"{_NUMBER}(?:{_UNIT})?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})(?P<unit>{_UNIT})?"
    r"|(?P<name>[^\W\d]\w*)|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<sign><=|>=|==|!=|[-+*/^()<>,]))"
)


@dataclass(frozen=True)
class Instruction:
    """One step of a calculation; `what` names a fact, `of` the thing it is a fact of."""

    op: Op
    number: float = 0.0
    what: Literal["", "fact", "attribute", "segment", "channel", "on", "in_use", "owned"] = ""
    of: str = ""


@dataclass(frozen=True)
class Formula:
    """A formula that has been read: its text, its instructions and the unit of its value."""

    text: str
    code: tuple[Instruction, ...]
    dimension: Dimension | None
    """None where it depends on attributes only known to be numbers."""

    def __str__(self) -> str:
        """As it was written."""
        return self.text

    def names(self, what: str) -> set[str]:
        """The attributes, calendars ("on"), limits ("in_use", "owned"), segments or channels it mentions."""
        return {i.of for i in self.code if i.what == what}

    @property
    def currencies(self) -> set[str]:
        """The currencies of its amounts of money."""
        return {i.of for i in self.code if i.op == Op.NUMBER and not i.what and i.of}

    @property
    def at_least_one(self) -> bool:
        """Whether it is a plain number of 1 or more, whatever the case."""
        try:
            return float(self.text) >= 1
        except ValueError:
            return False

    @property
    def draws(self) -> bool:
        """Whether it needs fresh draws."""
        return any(i.what == "fact" and i.of in DRAWS for i in self.code)

    def of_cases(self, fact: Callable[[Instruction], Any]) -> Any:
        """The value for many cases at once.

        Args:
            fact: what each name stands for: an array with one entry per case, or a number for all.
        """
        stack: list[Any] = []
        with np.errstate(all="ignore"):
            for i in self.code:
                if i.op == Op.NUMBER and not i.what:
                    stack.append(i.number)
                elif i.op in (Op.FACT, Op.NUMBER):
                    stack.append(fact(i))
                elif i.op < Op.NEGATE:
                    b = stack.pop()
                    stack.append(_OF_TWO[i.op](stack.pop(), b))
                elif i.op < Op.IF:
                    stack.append(_OF_ONE[i.op](stack.pop()))
                else:
                    no, yes, test = stack.pop(), stack.pop(), stack.pop()
                    stack.append(np.where(np.asarray(test) != 0, yes, no))
        return np.nan_to_num(np.asarray(stack[0], float), nan=0.0, posinf=1e300, neginf=-1e300)


def _divided(a: Any, b: Any) -> Any:
    return np.where(np.asarray(b) != 0, np.divide(a, np.where(np.asarray(b) != 0, b, 1.0)), 0.0)


def _power(a: Any, b: Any) -> Any:
    a, b = np.asarray(a, float), np.asarray(b, float)
    size = np.exp(b * np.log(np.where(a == 0, 1.0, np.abs(a))))
    odd = np.floor(b / 2) != b / 2
    negative = np.where(np.floor(b) == b, np.where(odd, -size, size), 0.0)
    return np.where(a > 0, size, np.where(b == 0, 1.0, np.where(a < 0, negative, 0.0)))


_OF_TWO: dict[Op, Callable[[Any, Any], Any]] = {
    Op.ADD: np.add, Op.SUBTRACT: np.subtract, Op.MULTIPLY: np.multiply, Op.DIVIDE: _divided, Op.POWER: _power,
    Op.LESS: lambda a, b: np.less(a, b).astype(float), Op.AT_MOST: lambda a, b: np.less_equal(a, b).astype(float),
    Op.EQUAL: lambda a, b: np.equal(a, b).astype(float), Op.DIFFERENT: lambda a, b: np.not_equal(a, b).astype(float),
    Op.AND: lambda a, b: np.logical_and(a, b).astype(float), Op.OR: lambda a, b: np.logical_or(a, b).astype(float),
    Op.MIN: np.minimum, Op.MAX: np.maximum,
}  # fmt: skip
_OF_ONE: dict[Op, Callable[[Any], Any]] = {
    Op.NEGATE: np.negative, Op.NOT: lambda a: np.equal(a, 0).astype(float), Op.EXP: lambda a: np.exp(np.minimum(a, 700.0)),
    Op.LOG: lambda a: np.where(np.asarray(a) > 1e-300, np.log(np.maximum(a, 1e-300)), -690.0), Op.SQRT: lambda a: np.sqrt(np.maximum(a, 0.0)),
    Op.ABS: np.abs, Op.FLOOR: np.floor, Op.ROUND: lambda a: np.floor(np.add(a, 0.5)),
    Op.LOGISTIC: lambda a: 1.0 / (1.0 + np.exp(-np.clip(a, -700.0, 700.0))),
}  # fmt: skip
"""The operations of `stages.formulas` for whole columns; a test holds the two against each other."""


def formula(text: Any) -> Formula:
    """Read a formula.

    Args:
        text: a number, or text such as "0.2 * quality + 0.1 * (waited / 1 day)".

    Raises:
        ValueError: "problem; remedy" where the text is not a formula or its units do not fit.

    Example:
        >>> formula("2 * 3 + 1").code[-1].op.name
        'ADD'
        >>> formula("waited / 2 h").dimension
        'number'
    """
    if isinstance(text, Formula):
        return text
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"{text!r} is not a formula; write for example '1 + 0.2 * complexity'")
    said = str(text)
    if len(said) > LONGEST:
        raise ValueError(f"the formula has {len(said)} characters; use at most {LONGEST}")
    return _Reader(said).read()


def thresholds(text: str) -> dict[str, str | float]:
    """The figures that a formula compares something with, by the name that paths have for them.

    A single one is "threshold", several are "threshold 1", "threshold 2" in the order of the text. A figure that is part
    of a sum or product is none, nor is one that is compared for equality.

    Example:
        >>> thresholds("value > 10000 EUR and branch == 2")
        {'threshold': '10000 EUR'}
        >>> thresholds("score >= 0.6 or 90 days < age")
        {'threshold 1': 0.6, 'threshold 2': '90 days'}
    """
    return {name: float(said) if re.fullmatch(r"[\d_.eE+-]+", said) else said for name, (_, _, said) in _thresholds(text).items()}


def with_threshold(text: str, name: str, value: Any) -> str:
    """A formula with one of its thresholds moved.

    Args:
        text: the formula.
        name: as `thresholds` has it.
        value: a number, or a quantity in words.

    Raises:
        ValueError: the value is no quantity.

    Example:
        >>> with_threshold("value > 10000 EUR", "threshold", "25000 EUR")
        'value > 25000 EUR'
    """
    said = f"{value!r}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    if not re.fullmatch(r"\s*[-+]?" + _FIGURE + r"\s*", said):
        raise ValueError(f"{value!r} is not a figure that something could be compared with; write for example '10000 EUR', '90 days' or 0.6")
    start, end, _ = _thresholds(text)[name]
    return text[:start] + said.strip() + text[end:]


_MORE_OR_LESS = ("<", "<=", ">", ">=")
_SIDES = ("(", ")", ",", "and", "or", "not", "")
"""What stands beside a figure that is a whole side of a comparison; "" is the beginning or end of the text."""


def _thresholds(text: str) -> dict[str, tuple[int, int, str]]:
    """Beginning, end and words of each, by name."""
    tokens, at = [], 0
    while at < len(text.rstrip()) and (match := _TOKEN.match(text, at)) is not None:
        tokens.append(match)
        at = match.end()
    words = ["", *(m["sign"] or m["name"] or "figure" for m in tokens), ""]
    found = []
    for i, match in enumerate(tokens, start=1):
        before, after = words[i - 1], words[i + 1]
        if match["number"] is not None and ((before in _MORE_OR_LESS and after in _SIDES) or (after in _MORE_OR_LESS and before in _SIDES)):
            found.append((match.start("number"), match.end(), text[match.start("number") : match.end()].replace("_", "")))
    return {"threshold" if len(found) == 1 else f"threshold {i}": one for i, one in enumerate(found, start=1)}


FormulaText = Annotated[
    Formula,
    PlainValidator(formula, json_schema_input_type=str | float),
    PlainSerializer(str, return_type=str),
]
"""A formula in a record of the language."""


def tokens(text: str) -> list[tuple[Literal["number", "name", "sign", "text"], str, str]]:
    """The words of a formula: (kind, word, unit of a number).

    Raises:
        ValueError: something in it is no word of a formula.

    Example:
        >>> tokens("value > 5 EUR")
        [('name', 'value', ''), ('sign', '>', ''), ('number', '5', 'EUR')]
    """
    found: list[tuple[Literal["number", "name", "sign", "text"], str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text!r}: {text[at:].strip()[:10]!r} is not understood; write for example '1 + 0.2 * complexity'")
        if match["number"] is not None:
            found.append(("number", match["number"].replace("_", ""), (match["unit"] or "").strip()))
        elif match["name"] is not None:
            found.append(("name", match["name"], ""))
        elif match["sign"] is not None:
            found.append(("sign", match["sign"], ""))
        else:
            found.append(("text", match["single"] if match["single"] is not None else match["double"], ""))
        at = match.end()
    return found


class _Reader:
    """Recursive descent, one method per level of binding."""

    def __init__(self, text: str) -> None:
        self.text, self.code, self.depth, self.nested = text, list[Instruction](), 0, 0
        self.tokens = tokens(text)
        self.at = 0

    def read(self) -> Formula:
        dimension = self.either()
        if self.at < len(self.tokens):
            raise self.wrong(f"{self.tokens[self.at][1]!r} is left over", "put an operator before it")
        return Formula(self.text, tuple(self.code), dimension)

    def wrong(self, problem: str, remedy: str) -> ValueError:
        """A finding; a misspelt fact is taken for an attribute, a plain number, and its unit then fits nowhere."""
        for name in (i.of for i in self.code if i.what == "attribute"):
            near = difflib.get_close_matches(name, NAMES, 1, cutoff=0.75)
            if near:
                remedy = f"did you mean {near[0]!r} by {name!r}? Otherwise {remedy}"
                break
        return ValueError(f"the formula {self.text!r}: {problem}; {remedy}")

    def sign(self, *signs: str) -> str | None:
        if self.at < len(self.tokens):
            kind, text, _ = self.tokens[self.at]
            if kind in ("sign", "name") and text in signs:
                self.at += 1
                return text
        return None

    def expect(self, sign: str) -> None:
        if not self.sign(sign):
            raise self.wrong(f"{sign!r} is missing", "close what was opened and separate arguments by commas")

    def emit(self, op: Op, **more: Any) -> None:
        self.code.append(Instruction(op, **more))
        self.depth += 1 if op in (Op.NUMBER, Op.FACT) else 0 if Op.NEGATE <= op < Op.IF else -2 if op == Op.IF else -1
        if self.depth > DEPTH:
            raise self.wrong("it is nested too deeply", "use an attribute for a part of it")

    def alike(self, a: Dimension, b: Dimension, what: str) -> Dimension:
        if a != b:
            raise self.wrong(f"a {a} and a {b} {what}", "use the same unit on both sides, or divide by a unit such as '1 h'")
        return a

    def either(self) -> Dimension:
        self.nested += 1
        if self.nested > 40:
            raise self.wrong("it is nested too deeply", "use an attribute for a part of it")
        left = self.both()
        while self.sign("or"):
            self.plain(left), self.plain(self.both())
            self.emit(Op.OR)
            left = "number"
        self.nested -= 1
        return left

    def both(self) -> Dimension:
        left = self.negation()
        while self.sign("and"):
            self.plain(left), self.plain(self.negation())
            self.emit(Op.AND)
            left = "number"
        return left

    def negation(self) -> Dimension:
        times = 0
        while self.sign("not"):
            times += 1
        result = self.comparison()
        for _ in range(times):
            self.plain(result)
            self.emit(Op.NOT)
        return result

    def comparison(self) -> Dimension:
        start = len(self.code)
        left = self.sum()
        sign = self.sign("<", "<=", ">", ">=", "==", "!=")
        if sign is None:
            return left
        middle = len(self.code)
        self.alike(left, self.sum(), "cannot be compared")
        if sign in (">", ">="):  # the same with the sides changed
            self.code[start:] = self.code[middle:] + self.code[start:middle]
            sign = "<" if sign == ">" else "<="
        self.emit(_COMPARE[sign])
        return "number"

    def sum(self) -> Dimension:
        left = self.product()
        while sign := self.sign("+", "-"):
            left = self.alike(left, self.product(), "cannot be added")
            self.emit(Op.ADD if sign == "+" else Op.SUBTRACT)
        return left

    def product(self) -> Dimension:
        left = self.unary()
        while sign := self.sign("*", "/"):
            right = self.unary()
            if sign == "*":
                if "number" not in (left, right):
                    raise self.wrong(f"a {left} times a {right} has no meaning here", "divide one by its unit first, such as '1 h'")
                left = right if left == "number" else left
                self.emit(Op.MULTIPLY)
            else:
                if right not in ("number", left):
                    raise self.wrong(f"a {left} over a {right} has no meaning here", "divide by the same unit")
                left = left if right == "number" else "number"
                self.emit(Op.DIVIDE)
        return left

    def unary(self) -> Dimension:
        times = 0
        while sign := self.sign("-", "+"):
            times += sign == "-"
        result = self.power()
        for _ in range(times % 2):
            self.emit(Op.NEGATE)
        return result

    def power(self) -> Dimension:
        left = self.atom()
        if self.sign("^"):
            self.plain(left), self.plain(self.unary())
            self.emit(Op.POWER)
        return left

    def plain(self, dimension: Dimension) -> Dimension:
        if dimension != "number":
            raise self.wrong(f"a {dimension} stands where a plain number belongs", "divide it by a unit such as '1 h'")
        return dimension

    def arguments(self, count: int) -> list[Dimension]:
        self.expect("(")
        found = [self.either()]
        while self.sign(","):
            found.append(self.either())
        self.expect(")")
        if len(found) != count and count:
            raise self.wrong(f"{len(found)} arguments instead of {count}", "give as many as the function takes")
        return found

    def atom(self) -> Dimension:
        if self.at >= len(self.tokens):
            raise self.wrong("it ends too early", "complete it")
        kind, text, unit = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return self.literal(text, unit)
        if kind == "sign" and text == "(":
            result = self.either()
            self.expect(")")
            return result
        if kind != "name":
            raise self.wrong(f"{text!r} stands where a value belongs", "write a number, a name or a bracket")
        if text in ("true", "false"):
            self.emit(Op.NUMBER, number=float(text == "true"))
        elif text in ("segment", "channel"):
            self.of_kind(text)
        elif text in ("on", "in_use", "owned"):
            self.emit(Op.FACT, what=text, of=self.quoted(text))
            return "time" if text == "on" else "number"
        elif text in _ONE:
            dimension = self.arguments(1)[0]
            self.emit(_ONE[text])
            return dimension if text == "abs" else self.plain(dimension)
        elif text in ("min", "max"):
            found = self.arguments(0)
            for other in found[1:]:
                self.alike(found[0], other, "cannot be compared")
                self.emit(Op.MIN if text == "min" else Op.MAX)
            return found[0]
        elif text == "if":
            test, yes, no = self.arguments(3)
            self.plain(test)
            self.emit(Op.IF)
            return self.alike(yes, no, "cannot both be the answer")
        elif text == "clamp":
            return self.clamp()
        elif text in NAMES:
            self.emit(Op.FACT, what="fact", of=text)
            return NAMES[text][1]
        else:
            self.emit(Op.FACT, what="attribute", of=text)
        return "number"

    def literal(self, text: str, unit: str) -> Dimension:
        if not unit:
            self.emit(Op.NUMBER, number=float(text))
            return "number"
        if unit in ("%", "％"):
            self.emit(Op.NUMBER, number=float(text) / 100)
            return "number"
        try:
            found = quantity(f"{text} {unit}")
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            raise self.wrong(problem, remedy or "write a unit such as 'h' or 'EUR'") from None
        money = found.dimension == "money"
        self.emit(Op.NUMBER, number=found.value, of=found.text.split()[-1].upper() if money else "")
        return "money" if money else "time"

    def of_kind(self, kind: str) -> None:
        sign = self.sign("==", "!=")
        if sign is None or self.at >= len(self.tokens) or self.tokens[self.at][0] != "text":
            raise self.wrong(f"{kind!r} is compared with a name", f"write {kind} == 'name'")
        name = self.tokens[self.at][1]
        self.at += 1
        self.emit(Op.FACT, what="fact", of=kind)
        self.emit(Op.NUMBER, what=kind, of=name)
        self.emit(_COMPARE[sign])

    def quoted(self, function: str) -> str:
        self.expect("(")
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != "text":
            raise self.wrong(f"{function!r} takes a name in quotes", f"write {function}('name')")
        name = self.tokens[self.at][1]
        self.at += 1
        self.expect(")")
        return name

    def clamp(self) -> Dimension:
        """The first argument, at least the second and at most the third."""
        self.expect("(")
        x = self.either()
        self.expect(",")
        low = self.either()
        self.emit(Op.MAX)
        self.expect(",")
        high = self.either()
        self.emit(Op.MIN)
        self.expect(")")
        return self.alike(self.alike(x, low, "cannot be compared"), high, "cannot be compared")


def tables(texts: list[Formula], place: Mapping[tuple[str, str], int], number: Mapping[tuple[str, str], int]) -> dict[str, list[Any]]:
    """The instructions of some formulas as flat columns.

    Args:
        texts: the formulas.
        place: (what, of) -> the fact's index.
        number: ("segment" or "channel", name) -> its number.
    """
    column: dict[str, list[Any]] = {"first": [], "last": [], "op": [], "fact": [], "number": []}
    for one in texts:
        column["first"].append(len(column["op"]))
        for i in one.code:
            column["op"].append(int(i.op))
            named = i.op == Op.NUMBER and bool(i.what)
            column["number"].append(float(number[i.what, i.of]) if named else i.number)
            column["fact"].append(place[i.what, i.of] if i.op == Op.FACT else 0)
        column["last"].append(len(column["op"]))
    return column


FACTS: dict[tuple[str, str], int] = {("fact", n): i for n, (i, _) in NAMES.items()} | {("fact", "segment"): SEGMENT, ("fact", "channel"): CHANNEL}
"""Where the facts stand that every case has."""
