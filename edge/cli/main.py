"""Defines the ``edge`` program: all its commands, and how errors become messages and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated, ClassVar

import typer
from typer.main import get_command

from edge import __version__
from edge.cli import (
    ask,
    audit,
    bundle,
    chat,
    completion,
    doctor,
    evaluate,
    jobs,
    model,
    notes,
    pack,
    publish,
    search,
    serve,
    sync,
)
from edge.cli.group import PanelGroup, show_help_alone
from edge.cli.ui.interrupt import INTERRUPTED, raise_on_interrupt
from edge.cli.ui.screen import ALERT, FAINT, Screen
from edge.errors import EdgeError, StorageError, UsageError

OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
ERROR_LEVEL = "<3>"
"""Marks a line as an error for systemd's journal (man 3 sd-daemon)."""

QUESTION_COMMANDS = ("edge ask", "edge search")
"""The commands whose argument may begin with a dash."""

HELP = """Answers from your manuals, with the page, without a network.

\b
  edge pack install pumps.kpack --unsigned
  edge ask "How do I vent the pump?"

State lives in one folder: EDGE_HOME, else the platform's data folder.
"""


class _Edge(PanelGroup):
    panels: ClassVar = {
        "Technician (asks the manuals)": (
            *("ask", "chat", "search", "jobs", "notes", "serve", "sync", "audit", "doctor"),
        ),
        "Publisher (makes packs and releases them)": ("pack", "publish", "eval"),
        "Integrator (prepares devices)": ("model", "bundle", "self-test", "licenses", "completion"),
    }


app = typer.Typer(name="edge", cls=_Edge, help=HELP, rich_markup_mode=None, add_completion=False)
app.command("ask")(ask.ask)
app.command("chat")(chat.chat)
app.command("search")(search.search)
app.add_typer(jobs.app)
app.add_typer(notes.app)
app.command("serve")(serve.serve)
app.add_typer(pack.app)
app.add_typer(sync.app)
app.add_typer(audit.app)
app.add_typer(publish.app)
app.add_typer(model.app)
app.add_typer(bundle.app)
app.command("doctor")(doctor.run_doctor)
app.command("self-test")(doctor.run_self_test)
app.command("licenses")(bundle.print_licences)
app.command("eval")(evaluate.evaluate)
app.command("completion")(completion.print_script)


def _print_version(wanted: bool) -> None:
    if wanted:
        from edge.about import read_build_facts

        print(f"edge {__version__}")
        for name, value in read_build_facts().items():
            print(f"  {name:17} {value}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _run_alone(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    show_help_alone(context)


def main() -> None:
    """Run the command line and leave with its exit code. Nothing is written to a closed stream (``>&-``)."""
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if os.environ.pop(completion.VARIABLE, None):
        completion.print_completions(app, sys.argv[1:])
        sys.exit()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    An error is written to standard error, with ``--json`` also as ``{"error": …}`` to standard output.
    """
    json = "--json" in arguments
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        with raise_on_interrupt():
            code: int | None = get_command(app).main(list(arguments), prog_name="edge", standalone_mode=False)
            sys.stdout.flush()
    except EdgeError as error:
        return _write_error(error, json)
    except typer.TyperException as error:
        return _write_error(_translate_usage_error(error), json)
    except typer.Abort as abort:
        interrupted = isinstance(abort.__context__, KeyboardInterrupt)
        return _write_line("Nothing was done.", INTERRUPTED if interrupted else 1)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        if error.filename is not None or error.errno not in OUTPUT_ERRORS:
            return _write_error(_describe_fault(error), json)
        return _give_up_output(error)
    except Exception as error:
        return _write_error(_describe_fault(error), json)
    return _write_line("interrupted", INTERRUPTED) if code == INTERRUPTED else code or 0


def _write_error(error: EdgeError, json: bool) -> int:
    """Write an error with its hint, and return its exit code."""
    if json:
        shape = {
            "title": error.title,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        Screen().write_json({"error": shape})
    screen, level = Screen(sys.stderr), ERROR_LEVEL if _is_journal() else ""
    screen.write(error.message, lead=(f"{level}error: ", ALERT))
    if error.hint:
        screen.write(error.hint, lead=(f"{level}hint: ", FAINT))
    return error.exit_code


def _is_journal() -> bool:
    """Return True if standard error is systemd's journal, which keeps a level with every line."""
    with suppress(OSError, ValueError):
        found = os.fstat(sys.stderr.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


def _give_up_output(error: OSError) -> int:
    """Drop the output that is still buffered, so that it raises no second error at exit; return the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:  # the reader, such as `head`, has closed the pipe
        return 1
    why = f"The output cannot be written: {os.strerror(error.errno or 0)}."
    return _write_error(StorageError(why, "Free some space, or write it elsewhere."), json=False)


def _translate_usage_error(error: typer.TyperException) -> UsageError:
    """Return typer's complaint about a command line as an error of ours."""
    context: typer.Context | None = getattr(error, "ctx", None)
    command = context.command_path if context else "edge"
    hint = f"{command} --help"
    if hasattr(error, "option_name") and command in QUESTION_COMMANDS:
        hint += f'; put -- before a question that begins with a dash: {command} -- "-v …"'
    return UsageError(error.format_message(), hint)


def _describe_fault(error: Exception) -> EdgeError:
    """Return an error for an exception that should not have happened. Its traceback is shown on demand only."""
    if os.environ.get("EDGE_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    return EdgeError(
        f"This is a fault in edge ({type(error).__name__}: {error}).",
        "Please report it with the command; EDGE_DEBUG=1 shows the details to add.",
    )


def _write_line(text: str, code: int) -> int:
    Screen(sys.stderr).write(text)
    return code
