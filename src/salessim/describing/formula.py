"""Formulas as a reader says them: `if(uniform < 6 %, 1, 0)` as "以 6% 的概率为 1，否则为 0".

The words come from `terms`; the order is that of the formula. A language without words for formulas shows them as written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from salessim.scenario.formulas import tokens

Token = tuple[str, str, str]
_CALLS = ("min", "max", "exp", "log", "sqrt", "abs", "floor", "round", "logistic", "if", "clamp", "on", "in_use")


def told(text: str, words: Mapping[str, str], name: Callable[[str, str], str], number: Callable[[str, str], str]) -> str:
    """A formula in words.

    Args:
        text: as it was written; it has been read before, so it is well formed.
        words: of the language (`terms.FORMULA`).
        name: (what, name) -> title; what is "attribute", "segment", "channel", "on" or "in_use".
        number: (digits, unit) -> the number as it is said.

    Example:
        >>> told("2 * age / 1 h", {"*": " × ", "/": " ÷ ", "age": "时长"}, lambda _, n: n, lambda n, u: f"{n} {u}".strip())
        '2 × 时长 ÷ 1 h'
    """
    return _Told(tokens(text), words, name, number).all()


class _Told:
    def __init__(self, found: Sequence[Token], words: Mapping[str, str], name: Callable[[str, str], str], number: Callable[[str, str], str]) -> None:
        self.found, self.words, self.name, self.number = found, words, name, number

    def all(self) -> str:
        return self.some(0, len(self.found))

    def some(self, first: int, last: int) -> str:
        """The words from one place up to another."""
        said, at = [], first
        while at < last:
            kind, text, unit = self.found[at]
            if kind == "name" and text in _CALLS and at + 1 < last and self.found[at + 1][1] == "(":
                end = self.closing(at + 1)
                said.append(self.call(text, self.arguments(at + 2, end)))
                at = end + 1
                continue
            if kind == "number":
                said.append(self.number(text, unit))
            elif kind == "text":
                before = self.found[at - 2][1] if at >= 2 else ""
                said.append(f"“{self.name(before, text)}”")
            elif text in self.words:
                unary = text == "-" and (at == first or self.found[at - 1][1] in ("(", ",", "*", "/", "<", ">", "<=", ">=", "==", "!=", "^"))
                said.append("-" if unary else self.words[text])
            else:
                said.append(self.name("attribute", text) if kind == "name" else text)
            at += 1
        return "".join(said)

    def closing(self, opening: int) -> int:
        """Where the bracket ends that opens at a place."""
        depth = 0
        for at in range(opening, len(self.found)):
            depth += (self.found[at][1] == "(") - (self.found[at][1] == ")")
            if depth == 0:
                return at
        return len(self.found)

    def arguments(self, first: int, last: int) -> list[tuple[int, int]]:
        """Where each argument begins and ends."""
        found, depth, begin = [], 0, first
        for at in range(first, last):
            depth += (self.found[at][1] == "(") - (self.found[at][1] == ")")
            if depth == 0 and self.found[at][:2] == ("sign", ","):
                found.append((begin, at))
                begin = at + 1
        return [*found, (begin, last)]

    def call(self, function: str, arguments: list[tuple[int, int]]) -> str:
        if function in ("on", "in_use"):
            return self.words[function].format(self.name(function, self.found[arguments[0][0]][1]))
        said = [self.some(*a) for a in arguments]
        if function == "if":
            test = arguments[0]
            words = [t[1] for t in self.found[test[0] : test[1]]]
            if words[:2] in (["uniform", "<"], ["uniform", "<="]) and not {"and", "or"} & set(words):  # a draw below p: with probability p
                chance = self.some(test[0] + 2, test[1])
                return self.words["chance"].format(chance if len(words) == 3 else f"{self.words['(']}{chance}{self.words[')']}", *said[1:])
        if function in ("if", "clamp"):
            return self.words[function].format(*said)
        return self.words[function].format(self.words[","].join(said))
