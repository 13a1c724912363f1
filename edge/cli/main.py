"""The ``edge`` program: its commands, and the one place that turns errors into words and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.main import get_command

from edge import __version__
from edge.cli import (
    ask,
    bundle,
    chat,
    completion,
    doctor,
    evaluate,
    licenses,
    model,
    pack,
    publish,
    search,
    selftest,
    serve,
    sync,
)
from edge.cli.group import show_help_alone
from edge.cli.interrupt import INTERRUPTED, raising
from edge.cli.screen import ALERT, FAINT, Screen
from edge.errors import EdgeError, StorageError, UsageError

UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
AS_ERROR = "<3>"
"""What tells systemd's journal that a line is an error (man 3 sd-daemon)."""

ASKING = ("edge ask", "edge search")

HELP = """Answers from your manuals, with the page, without a network.

\b
  edge pack install pumps.kpack --unsigned
  edge ask "How do I vent the pump?"

State lives in one folder: EDGE_HOME, else the platform's data folder.
"""

app = typer.Typer(name="edge", help=HELP, rich_markup_mode=None, add_completion=False)
app.command("ask")(ask.ask)
app.command("chat")(chat.chat)
app.command("search")(search.search)
app.command("serve")(serve.serve)
app.add_typer(pack.app)
app.add_typer(sync.app)
app.add_typer(publish.app)
app.add_typer(model.app)
app.add_typer(bundle.app)
app.command("doctor")(doctor.doctor)
app.command("self-test")(selftest.selftest)
app.command("licenses")(licenses.licenses)
app.command("eval")(evaluate.evaluate)
app.command("completion")(completion.completion)


def _print_version(wanted: bool) -> None:
    if wanted:
        from edge.about import build_facts

        print(f"edge {__version__}")
        for name, value in build_facts().items():
            print(f"  {name:17} {value}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _edge(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    show_help_alone(context)


def main() -> None:
    """Run the command line and leave with its exit code. Where nobody listens (``>&-``), nothing is said."""
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if os.environ.pop(completion.ASKED, None):
        completion.answer(app, sys.argv[1:])
        sys.exit()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    An error is told on standard error, with ``--json`` also as ``{"error": …}`` on standard output.
    """
    json = "--json" in arguments
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        with raising():
            code: int | None = get_command(app).main(list(arguments), prog_name="edge", standalone_mode=False)
            sys.stdout.flush()
    except EdgeError as error:
        return _tell(error, json)
    except typer.TyperException as error:
        return _tell(_usage(error), json)
    except typer.Abort as abort:
        interrupted = isinstance(abort.__context__, KeyboardInterrupt)
        return _say("Nothing was done.", INTERRUPTED if interrupted else 1)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        if error.filename is not None or error.errno not in UNWRITABLE:
            return _tell(_fault(error), json)
        return _without_output(error)
    except Exception as error:
        return _tell(_fault(error), json)
    return _say("interrupted", INTERRUPTED) if code == INTERRUPTED else code or 0


def _tell(error: EdgeError, json: bool) -> int:
    """An error the reader can mend."""
    if json:
        shape = {
            "title": error.title,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        Screen().json({"error": shape})
    screen, level = Screen(sys.stderr), AS_ERROR if _in_journal() else ""
    screen.write(error.message, lead=(f"{level}error: ", ALERT))
    if error.hint:
        screen.write(error.hint, lead=(f"{level}hint: ", FAINT))
    return error.exit_code


def _in_journal() -> bool:
    """Whether standard error is systemd's journal, which keeps a level with every line."""
    with suppress(OSError, ValueError):
        found = os.fstat(sys.stderr.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


def _without_output(error: OSError) -> int:
    """Standard output takes no more. What is still buffered must not complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:  # whoever read has seen enough
        return 1
    why = f"The output cannot be written: {os.strerror(error.errno or 0)}."
    return _tell(StorageError(why, "Free some space, or write it elsewhere."), json=False)


def _usage(error: typer.TyperException) -> UsageError:
    """What typer says about a command line, in our words."""
    context: typer.Context | None = getattr(error, "ctx", None)
    command = context.command_path if context else "edge"
    hint = f"{command} --help"
    if hasattr(error, "option_name") and command in ASKING:
        hint += f'; a question that begins with a dash stands after two: {command} -- "-v …"'
    return UsageError(error.format_message(), hint)


def _fault(error: Exception) -> EdgeError:
    """An error of ours. The traceback helps whoever mends it, not whoever met it."""
    if os.environ.get("EDGE_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    return EdgeError(
        f"This is a fault in edge ({type(error).__name__}: {error}).",
        "Please report it with the command; EDGE_DEBUG=1 shows the details to add.",
    )


def _say(text: str, code: int) -> int:
    Screen(sys.stderr).write(text)
    return code
