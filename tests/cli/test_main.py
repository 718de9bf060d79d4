"""How commands end: exit codes, one line for a failure, Ctrl+C, closed pipes, help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from chromadb._cli.app import app
from chromadb._cli.main import main
from chromadb.errors import StorageError


def commands(group: click.Group = app, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of every command."""
    found = [path]
    for name, command in group.commands.items():
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_all_its_options(chroma: Any, words: tuple[str, ...]) -> None:
    for asked in ((*words, "--help"), (*words, "-h"), ("help", *words)):
        code, out, err = chroma(*asked)
        assert (code, err) == (0, "")
        assert out.startswith(f"Usage: chroma {' '.join(words)}".rstrip())
        assert "--debug" in out
    command: click.Command = app
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert max(parameter.opts, key=len) in out
    if not isinstance(command, click.Group) or not words:
        assert "Examples:\n  chroma " in out


def test_without_a_command_the_help_is_shown(chroma: Any) -> None:
    assert chroma() == chroma("--help")
    for name in ("run", "browse", "copy", "db", "vacuum", "utils", "docs", "version", "help"):
        assert f"\n  {name} " in chroma().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "chroma: There is no command chroma rum. Did you mean run?"),
        (["util"], "chroma: There is no command chroma util. Did you mean utils?"),
        (["db", "crate"], "chroma db: There is no command chroma db crate. Did you mean create?"),
        (["help", "utils", "chek"], "chroma utils: There is no command chroma utils chek. Did you mean check?"),
        (["xyz"], "chroma: There is no command chroma xyz. See"),
        (["run", "--prot", "5"], "chroma run: No such option '--prot'. (Did you mean"),
        (["run", "--port", "99999"], "chroma run: Expected --port to be an integer from 0 to 65535, got '99999'."),
        (["run", "--port", "abc"], "chroma run: Expected --port to be an integer from 0 to 65535, got 'abc'."),
        (["run", "--workers", "0"], "chroma run: Expected --workers to be an integer of at least 1, got '0'."),
        (["run", "--host", "http://x"], "chroma run: Expected --host to be a name or an address, such as x, without"),
        (["run", "--host", "0.0.0.0:9"], "chroma run: Expected --host to be a name or an address, such as 0.0.0.0,"),
        (
            ["vacuum", "--timeout", "soon"],
            "chroma vacuum: Expected --timeout to be a number from 0 to 86400,",
        ),
        (["vacuum", "--timeout", "nan"], "chroma vacuum: Expected --timeout to be a number"),
        (
            ["copy", "--from", "a", "--to", "b", "--all", "--batch", "1.5"],
            "chroma copy: Expected --batch to be an integer",
        ),
        (["copy"], "chroma copy: Missing option '--from'"),
        (["help", "nothing"], "chroma: There is no command chroma nothing."),
        (["db", "create"], "chroma db create: Missing argument 'NAME'"),
        (["db", "list", "--path", "x", "--host", "y"], "chroma db list: --path and --host exclude each other"),
        (["db", "list", "--port", "8000"], "chroma db list: --port belongs to a server"),
        (["db", "list", "--host", "x", "--header", "secret"], "chroma db list: A header is written as 'Name: value'."),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(chroma: Any, arguments: list[str], message: str) -> None:
    code, out, err = chroma(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert err.endswith("--help.\n")
    assert "secret" not in err
    assert os.listdir() == []


def test_a_failure_is_one_line_and_exit_code_1(chroma: Any) -> None:
    code, out, err = chroma("utils", "check", "--path", "nowhere")
    assert (code, out) == (1, "")
    assert err == "chroma: There is no directory nowhere. Give that of the database with --path.\n"


@pytest.mark.parametrize("way", ["option", "variable"])
def test_debugging_shows_where_it_failed(start: Any, fill: Any, tmp_path: Path, way: str) -> None:
    fill(tmp_path / "data", notes=1)
    (record_file,) = (tmp_path / "data" / "collections").glob("*/records.sqlite3")
    (tmp_path / "data" / "catalog.sqlite3").write_bytes(record_file.read_bytes())
    arguments = ["utils", "check", "--path", str(tmp_path / "data")]
    with start(*arguments) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("chroma: ")
    assert err.count("\n") == 1
    environment = {**os.environ, "CHROMA_DEBUG": "1"} if way == "variable" else None
    with start(*arguments, *(["--debug"] if way == "option" else []), env=environment) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("chroma: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["utils", "check", "--path", "nowhere"],
        ["db", "list", "--host", "127.0.0.1", "--port", "1"],
        ["run", "nowhere.yaml"],
        ["run", "--path", "data", "--host", "no.such.host.invalid"],
        ["copy", "--from", "nowhere", "--to", "data", "--all"],
    ],
    ids=" ".join,
)
def test_debugging_shows_where_typed_errors_come_from(chroma: Any, arguments: list[str]) -> None:
    code, out, line = chroma(*arguments)
    assert (code, out, line.count("\n")) == (1, "", 1)
    code, out, err = chroma(*arguments, "--debug")
    assert (code, out) == (1, "")
    assert err.startswith("Traceback (most recent call last)")
    assert err.endswith(line)


def test_an_error_that_nobody_expected_says_how_to_learn_more(chroma: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from chromadb._cli import about

    def fail() -> str:
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr(about, "distribution_version", fail)
    code, out, err = chroma("version")
    assert (code, out) == (1, "")
    assert err.startswith("chroma: ZeroDivisionError: by nothing. This was not expected: run it again with --debug")
    code, _, err = chroma("version", "--debug")
    assert code == 1
    assert err.startswith("Traceback")
    assert err.endswith("\nchroma: ZeroDivisionError: by nothing.\n")
    assert "Traceback" not in chroma("version").err  # the option is of one call


def test_errors_of_the_database_come_without_a_traceback(
    chroma: Any, fill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb._client._sync.client import Client

    fill("data", notes=1)

    def fail(self: Client) -> None:
        raise StorageError("The disk is gone.\nPlug it in.")

    monkeypatch.setattr(Client, "check", fail)
    assert chroma("utils", "check", "--path", "data") == (1, "", "chroma: The disk is gone. Plug it in.\n")


def test_warnings_are_one_line(chroma: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    from chromadb._cli import about

    def warn() -> str:
        warnings.warn("Mind the step.", stacklevel=1)
        return "1"

    monkeypatch.setattr(about, "distribution_version", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, _, err = chroma("version")
    assert (code, err) == (0, "chroma: warning: Mind the step.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_ctrl_c_at_a_question_is_quiet(start: Any, fill: Any) -> None:
    fill("data", notes=1)
    with start("vacuum", "--path", "data") as process:
        assert process.stderr is not None
        assert process.stderr.read(len("Vacuum")) == "Vacuum"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are of POSIX")
@pytest.mark.parametrize("arguments", [["docs", "differences"], ["db", "list", "--path", "data"]], ids=" ".join)
def test_a_closed_pipe_is_quiet(fill: Any, arguments: list[str]) -> None:
    fill("data", notes=1)
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "chromadb", *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert process.stderr == ""
    assert process.returncode == 1


def test_a_terminal_that_knows_no_unicode(start: Any, fill: Any) -> None:
    fill("data", notes=1)
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with start("db", "create", "Bücher", "--path", "data", env=ascii_only) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    with start("db", "list", "--path", "data", env=ascii_only) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "B?cher" in out
    with start("db", "list", "--path", "data", "--json", env=ascii_only) as process:
        out, _ = process.communicate(timeout=60)
    assert out.isascii()
    assert json.loads(out)[1]["name"] == "Bücher"


def test_in_a_pipe_a_row_is_a_line(start: Any, fill: Any) -> None:
    name = "long-" * 40
    fill("data")
    with start("db", "create", name, "--path", "data") as process:
        process.communicate(timeout=60)
    with start("db", "list", "--path", "data", env={**os.environ, "COLUMNS": "80"}) as process:
        out, _ = process.communicate(timeout=60)
    assert any(name in line and line.split()[1] == "0" for line in out.splitlines())


def test_help_loads_nothing_heavy() -> None:
    """What makes help quick: whatever is imported by it, these are not."""
    program = """
import sys
from chromadb._cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
heavy = {"numpy", "rich", "textual", "apsw", "faiss", "uvicorn", "httpx", "msgspec", "yaml", "orjson"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_the_command_is_a_module_too(chroma: Any, start: Any) -> None:
    with start("--version") as process:
        out, _ = process.communicate(timeout=60)
    assert out == chroma("-V").out
    assert out.startswith("chroma 1.5.9")


def test_the_shell_can_complete_it() -> None:
    environment = {**os.environ, "_CHROMA_COMPLETE": "bash_complete", "COMP_WORDS": "chroma va", "COMP_CWORD": "1"}
    script = "from chromadb._cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "plain,vacuum\n"


@pytest.mark.parametrize("group", ["db", "utils"])
def test_a_group_without_a_command_shows_its_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([group])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    assert out.startswith(f"Usage: chroma {group} [OPTIONS] COMMAND")
    assert "\nCommands:\n" in out


def test_an_error_of_usage_names_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--path"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "chroma run: Option '--path' requires an argument. See chroma run --help.\n"
