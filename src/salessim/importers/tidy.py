"""Texts and numbers of cells as they were meant: names without what nobody sees, amounts in the convention of their column."""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import TYPE_CHECKING

from salessim.importers.quality import Tally

if TYPE_CHECKING:
    import pandas as pd

_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Zero-width signs, marks of direction and control characters."""
_NOT_ASCII = re.compile(r"[^\x20-\x7e]")
MOST_LETTERS = 500
"""Of a key or a name; longer ones are texts."""
_NOBODY = frozenset(("-", "–", "NOT_SET", "nan", "None", "NONE", "null", "NULL", "N/A", "#N/A"))
"""What systems write where nobody is named."""


def names(text: pd.Series, what: str, tally: Tally) -> pd.Series:
    """Keys or names as a categorical: stripped, composed alike, without what nobody sees; "" where there is nothing."""
    import pandas as pd

    raw = text.astype("category")
    words = pd.Series(raw.cat.categories, dtype="str")
    odd = words.str.contains(_NOT_ASCII.pattern) | (words.str.strip() != words) | (words.str.len() > MOST_LETTERS)
    if not odd.any():
        return raw
    tidied = words.where(~odd, words[odd].map(_tidy))
    repaired = (tidied != words.str.strip()).to_numpy()
    if repaired.any():
        codes = raw.cat.codes.to_numpy()
        tally.repaired(f"cells of the {what} hold signs that nobody sees, or have more than {MOST_LETTERS} letters; these were taken out", int(repaired[codes].sum()))
    return _recoded(raw, tidied)


def _recoded(raw: pd.Series, words: pd.Series) -> pd.Series:
    """A categorical with other words for its categories, of which some may be alike."""
    import pandas as pd

    place, kept = pd.factorize(words, sort=True)
    return pd.Series(pd.Categorical.from_codes(place[raw.cat.codes.to_numpy()], list(kept)), index=raw.index)


def _tidy(word: str) -> str:
    if _NOT_ASCII.search(word):
        word = unicodedata.normalize("NFC", _UNSEEN.sub("", word))
    return word.strip()[:MOST_LETTERS]


def whole_keys(keys: pd.Series, tally: Tally) -> pd.Series:
    """Keys of a categorical of which some were written as numbers with a decimal zero: "1.0" is "1"."""
    import pandas as pd

    words = pd.Series(keys.cat.categories, dtype="str")
    odd = words.str.fullmatch(r"\d+\.0")
    if not odd.any() or not (odd | words.str.fullmatch(r"\d*")).all():
        return keys
    tally.repaired("keys were written as decimals (such as 1.0); the zero was taken out", int(odd.to_numpy()[keys.cat.codes.to_numpy()].sum()))
    return _recoded(keys, words.str.replace(r"\.0$", "", regex=True))


def people(names_: pd.Series) -> pd.Series:
    """Names of people; words for nobody are nothing."""
    found = [c for c in names_.cat.categories if c in _NOBODY]
    return names_.astype("str").mask(names_.isin(found), "").astype("category") if found else names_


def amounts(text: pd.Series, what: str, tally: Tally) -> pd.Series:
    """Numbers of a column, in its one convention of decimals; NaN where there is none.

    A comma and a point in one cell show the decimal sign: the last. A comma alone is one if it is not followed by just
    three digits everywhere. Currencies, blanks and apostrophes between thousands are left out.
    """
    import numpy as np
    import pandas as pd

    bare = text.astype("str").str.replace(r"[\s'\u2019\u00a0\u202f]|[A-Za-z]{3}(?=\s|$)|[€$£¥]", "", regex=True)
    bare = bare.str.replace("\u2212", "-")
    filled = bare[bare != ""]
    both = filled[filled.str.contains(",") & filled.str.contains(r"\.")]
    if len(both):
        comma = bool((both.str.rfind(",") > both.str.rfind(".")).mean() > 0.5)
    else:
        commas = filled[filled.str.contains(",")]
        comma = len(commas) > 0 and not commas.str.fullmatch(r"[-+(]?\d{1,3}(,\d{3})+\)?").all()
        if not len(commas):  # "1.234.567" can only be thousands
            comma = bool(filled.str.contains(r"\..*\.").any())
    plain = bare.str.replace(".", "").str.replace(",", ".") if comma else bare.str.replace(",", "")
    number = pd.to_numeric(plain, errors="coerce").astype("float64")
    bad = ~np.isfinite(number)
    unreadable = bad & (bare != "")
    if unreadable.any():
        tally.dropped(f"{what} are no finite numbers and count as missing", int(unreadable.sum()), repr(text[unreadable.idxmax()])[:60])
    return number.where(~bad)


def give_back() -> None:
    """Let Arrow, which holds texts where it is installed, return to the system what it keeps for later."""
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()


def fulfils(chunk: pd.DataFrame, where: dict[str, tuple[str, ...]]) -> pd.Series:
    """Whether rows have, in each column, one of the texts wanted; letters may differ in case, and "006*" is what begins so."""
    import pandas as pd

    good = pd.Series(True, index=chunk.index)
    for column, words in where.items():
        text = chunk[column].str.strip().str.lower()
        begins = tuple(w[:-1].lower() for w in words if len(w) > 1 and w.endswith("*"))
        fits = text.isin([w.lower() for w in words])
        good &= (fits | text.str.startswith(begins)) if begins else fits
    return good
