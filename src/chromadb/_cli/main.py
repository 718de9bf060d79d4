"""The entry point: what a command raises becomes one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from chromadb._cli.advice import for_command_line
from chromadb._cli.app import app
from chromadb._cli.commands import is_debugging
from chromadb.errors import ChromaError

SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process.

    Args:
        arguments: what stands behind ``chroma``; None for those of the process.
    """
    warnings.showwarning = _warn
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character that the terminal does not know is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough. What is left in the buffer must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILURE
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = app.main(arguments, prog_name="chroma", standalone_mode=False)
        return result if isinstance(result, int) else SUCCESS
    except click.exceptions.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "chroma"
        return _fail(command, f"{error.format_message()} See {command} --help.", USAGE)
    except click.ClickException as error:
        return _fail("chroma", error.format_message(), error.exit_code, traced=True)
    except ChromaError as error:
        return _fail("chroma", for_command_line(error.message()), FAILURE, traced=True)
    except Exception as error:
        hint = "" if is_debugging() else " This was not expected: run it again with --debug to see where."
        return _fail("chroma", f"{type(error).__name__}: {error}.{hint}", FAILURE, traced=True)


def _fail(command: str, message: str, code: int, *, traced: bool = False) -> int:
    if traced and is_debugging():
        traceback.print_exc()
    click.echo(f"{command}: {' '.join(message.split())}", err=True)
    return code


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    click.echo(f"chroma: warning: {message}", err=True)
