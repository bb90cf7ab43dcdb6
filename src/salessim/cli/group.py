"""The command `salessim` itself: what goes wrong in any command becomes one line and an exit code, also Ctrl-C."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from typing import Any

import click

from salessim import __version__

EXIT_FINE, EXIT_REGRESSION, EXIT_INPUT, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


class _CtrlC:
    """Ctrl-C that is not lost: said again each second until somebody reacts, and after four the process leaves.

    A library may swallow the exception (pydantic takes one inside a serialiser for an unexpected value and goes on).
    """

    def __init__(self) -> None:
        self.noticed = threading.Event()
        self.watch: threading.Thread | None = None
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self)
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # what a scheduler or CI sends before it kills
                signal.signal(signal.SIGTERM, self)

    def __call__(self, *_: object) -> None:
        if self.watch is None:
            self.watch = threading.Thread(target=self._insist, daemon=True)
            self.watch.start()
        raise KeyboardInterrupt

    def _insist(self) -> None:
        for _ in range(3):
            if self.noticed.wait(1):
                break
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it from waiting, too
            else:
                _thread.interrupt_main()
        if not self.noticed.wait(1):
            os._exit(EXIT_INTERRUPTED)


class _Group(click.Group):
    """Turns our errors into one line and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command and leave."""
        from salessim.errors import SalesSimError

        ctrl_c = _CtrlC()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal without "–" shows "?", not a traceback
        try:
            try:
                result = super().main(*args, **{**kwargs, "standalone_mode": False})
            except Exception:
                if ctrl_c.watch is not None:  # what an interruption leaves half-done may fail in any way
                    raise KeyboardInterrupt from None
                raise
        except SalesSimError as wrong:
            say(f"salessim: {wrong}")
            leave(EXIT_INPUT)
        except (click.exceptions.Abort, KeyboardInterrupt):  # click makes the one of the other
            ctrl_c.noticed.set()
            say("salessim: interrupted; what was finished and written is kept")
            leave(EXIT_INTERRUPTED)
        except click.ClickException as wrong:
            wrong.show()
            leave(EXIT_INPUT)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            leave(EXIT_FINE)
        except OSError as wrong:
            say(f"salessim: {wrong.filename or 'file'}: {wrong.strerror}; check the path and the space left")
            leave(EXIT_INPUT)
        except MemoryError:
            say("salessim: memory: there is not enough; use fewer workers, a shorter horizon or no --log")
            leave(EXIT_INPUT)
        sys.exit(result if isinstance(result, int) else EXIT_FINE)


def say(text: str) -> None:
    """A line for people, beside the results."""
    click.echo(text, err=True)


def leave(code: int) -> None:
    """End the process with an exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    if code == EXIT_INTERRUPTED and any(not t.daemon for t in threading.enumerate() if t is not threading.main_thread()):
        os._exit(code)  # worker threads may be deep in compiled code; everything finished is already on disk
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="salessim")
def main() -> None:
    """Try changes to a sales process before rolling them out."""
