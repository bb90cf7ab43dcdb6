"""The decorators of compiled code, and the folder its machine code is kept in.

Reference counting is switched off (`_nrt=False`), which is three times as fast in the event loop and forbids
allocation in compiled code. Numba caches a function by its own file only, so a rule edited in one file would leave
the loop of another with the old rule: the cache folder is therefore named by a hash of all sources that matter.
"""

from __future__ import annotations
import __future__

import ast
import hashlib
import inspect
import os
import platform
import sys
import tempfile
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy
from llvmlite import ir
from numba.extending import intrinsic

uint64 = numba.uint64
"""Casts to unsigned 64-bit integers in compiled code, so that no other file needs Numba."""



@intrinsic
def high_product(typing: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of the 128-bit product of two unsigned 64-bit integers: one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(arguments[0], wide), builder.zext(arguments[1], wide))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return uint64(uint64, uint64), generate


@intrinsic
def natural(typing: Any, x: Any) -> Any:
    """The same integer, with the promise that it is not negative; `interpreted` takes it out.

    An index that may be negative is looked at for counting from the end; without that, the loop is a third faster.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = arguments[0]
        assume = builder.module.declare_intrinsic("llvm.assume", (), ir.FunctionType(ir.VoidType(), [ir.IntType(1)]))
        builder.call(assume, [builder.icmp_signed(">=", number, ir.Constant(number.type, 0))])
        return number

    return x(x), generate


F = TypeVar("F", bound=Callable[..., Any])


def _user_cache() -> Path:
    if folder := os.environ.get("SALESSIM_CACHE"):
        return Path(folder)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "salessim"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "salessim"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "salessim"


SOURCES = ("demand.py", "durations", "engines", "hours.py", "jit.py", "network.py", "order.py", "pace.py", "rare.py", "records.py", "stages", "streams.py")
"""Files and folders whose functions or constants end up in machine code; a test holds the list against the imports."""


def _fingerprint() -> str:
    digest = hashlib.blake2b(digest_size=10)
    root = Path(__file__).parent
    for name in SOURCES:
        for source in sorted((root / name).rglob("*.py")) or [root / name]:
            digest.update(source.relative_to(root).as_posix().encode() + source.read_bytes())
    for part in (numba.__version__, numpy.__version__, sys.version, platform.machine(), platform.processor()):
        digest.update(part.encode())
    return digest.hexdigest()


def cache_folder() -> Path:
    """The folder of this version's machine code; a temporary one if the user's cache cannot be written."""
    name = f"jit-{_fingerprint()}"
    try:
        folder = _user_cache() / name
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, RuntimeError):  # no home, read-only, disk full
        folder = Path(tempfile.gettempdir()) / f"salessim-{os.getuid() if hasattr(os, 'getuid') else 0}" / name
    return folder


numba.config.CACHE_DIR = str(cache_folder())

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def compiled(function: F) -> F:
    """Compile on first use for the types it meets, without the interpreter's lock; kept on disk."""
    return cast(F, numba.njit(**_OPTIONS)(function))


def compiled_as(signature: str) -> Callable[[F], F]:
    """Compile for one signature at once: for leaves that CPython calls too, whose dispatch must be cheap."""

    def decorate(function: F) -> F:
        return cast(F, numba.njit(signature, forceinline=True, **_OPTIONS)(function))

    return decorate


_INTERPRETABLE: dict[int, Any] = {}


def inlined(function: F) -> F:
    """Compile into the caller: a call would copy hundreds of words of array headers."""
    result = numba.njit(forceinline=True, **_OPTIONS)(function)
    _INTERPRETABLE[id(result)] = result
    return cast(F, result)


def called(function: F) -> F:
    """Compile once and call: for what plain models never need, so that their loop does not carry it along."""
    result = compiled(function)
    _INTERPRETABLE[id(result)] = result
    return result


def spliced(function: F) -> F:
    """Copy into the caller before types are inferred: for helpers of one caller that take the engine's whole state."""
    result = numba.njit(inline="always", **_OPTIONS)(function)
    _INTERPRETABLE[id(result)] = result
    return cast(F, result)


class _Promises(ast.NodeTransformer):
    """Replaces `natural(x)` by `x`: a promise to the optimiser means nothing to CPython and would cost a call."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return node.args[0] if isinstance(node.func, ast.Name) and node.func.id == "natural" else node


def _without_promises(function: types.FunctionType) -> types.CodeType:
    """The code of a function as it reads without `natural`, on the lines of its file, so that it can be stepped through."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    ast.increment_lineno(tree, first - 1)
    module = compile(ast.fix_missing_locations(_Promises().visit(tree)), function.__code__.co_filename, "exec", flags=__future__.annotations.compiler_flag)
    return next(c for c in module.co_consts if isinstance(c, types.CodeType) and c.co_name == function.__name__)


def interpreted(function: F) -> F:
    """The same source run by CPython, down to the leaves made by `compiled_as`, which stay compiled.

    The reference engine runs the rules this way, so that they can be read and stepped through, while samplers and
    draws remain the very machine code of the compiled engine: same numbers to the last bit.
    """
    done: dict[int, Any] = {}

    def convert(dispatcher: Any) -> Any:
        if id(dispatcher) not in done:
            source = dispatcher.py_func
            names = dict(source.__globals__)
            done[id(dispatcher)] = types.FunctionType(_without_promises(source), names, source.__name__, source.__defaults__)
            for name, value in list(names.items()):
                if id(value) in _INTERPRETABLE:
                    names[name] = convert(value)
        return done[id(dispatcher)]

    return cast(F, convert(function))
