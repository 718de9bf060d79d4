"""``chroma browse``, driven by textual's own pilot."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, OptionList, Static

import chromadb
from chromadb._cli.browser import records
from chromadb._cli.browser.app import Browser, Whole

Steps = Callable[[Pilot[None], Browser], Awaitable[None]]


def drive(client: Any, steps: Steps, collection: str | None = None) -> None:
    """Start the browser without a terminal and do some steps."""

    async def drive() -> None:
        app = Browser(client, "the place", collection)
        async with app.run_test(size=(140, 40)) as pilot:
            await settle(pilot, app)
            await steps(pilot, app)

    asyncio.run(drive())


async def settle(pilot: Pilot[None], app: Browser) -> None:
    """Wait until everything that was asked for is shown."""
    for _ in range(3):
        await app.workers.wait_for_complete()
        await pilot.pause()


def table(app: Browser) -> list[list[str]]:
    shown = app.query_one("#records", DataTable)
    return [[str(cell) for cell in shown.get_row_at(row)] for row in range(shown.row_count)]


def status(app: Browser) -> str:
    return str(app.query_one("#status", Static).render())


@pytest.fixture
def client(fill: Any) -> Any:
    fill("data", notes=120, letters=3)
    with chromadb.PersistentClient("data") as client:
        yield client


def test_collections_and_the_first_page(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        listed = app.query_one("#collections", OptionList)
        assert [str(option.prompt) for option in listed.options] == ["notes  120", "letters  3"]
        rows = table(app)
        assert len(rows) == 50
        assert rows[0] == ["id-0", "", ""]
        assert rows[1] == ["id-1", "text number 1", '{"row": 1, "even": false}']
        assert status(app) == "notes: records 1 to 50, more follow"

    drive(client, steps)


def test_a_collection_can_be_named_at_the_start(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        assert status(app) == "letters: 3 records"
        assert [row[0] for row in table(app)] == ["id-0", "id-1", "id-2"]

    drive(client, steps, "letters")


def test_turning_pages(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        for key, first, count, said in (
            ("p", "id-0", 50, "records 1 to 50, more follow"),
            ("n", "id-50", 50, "records 51 to 100, more follow"),
            ("n", "id-100", 20, "records 101 to 120"),
            ("n", "id-100", 20, "records 101 to 120"),
            ("p", "id-50", 50, "records 51 to 100, more follow"),
        ):
            await pilot.press(key)
            await settle(pilot, app)
            assert (table(app)[0][0], len(table(app))) == (first, count)
            assert status(app) == f"notes: {said}"

    drive(client, steps)


def test_choosing_another_collection(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        app.query_one("#collections", OptionList).focus()
        await pilot.press("down", "enter")
        await settle(pilot, app)
        assert status(app) == "letters: 3 records"

    drive(client, steps)


def test_one_record_whole_and_back(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        await pilot.press("down", "enter")
        await settle(pilot, app)
        assert isinstance(app.screen, Whole)
        text = app.screen.text
        for part in ("id\nid-1", "uri\nuri-1", '"row": 1', "document\ntext number 1", "embedding\n8 dimensions: "):
            assert part in text
        await pilot.press("escape")
        assert not isinstance(app.screen, Whole)
        await pilot.press("i")
        await pilot.pause()
        assert isinstance(app.screen, Whole)
        assert app.screen.text.startswith("notes\n\nid\n")
        assert '"space": "cosine"' in app.screen.text
        await pilot.press("q")
        assert not isinstance(app.screen, Whole)

    drive(client, steps)


def test_searching_by_text_and_by_filter(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        await pilot.press("slash", "n")
        assert app.query_one("#text", Input).value == "n"
        app.query_one("#text", Input).value = "number 11"
        await pilot.press("enter")
        await settle(pilot, app)
        assert [row[0] for row in table(app)] == [
            f"id-{row}" for row in range(120) if row % 7 and f"number {row}".startswith("number 11")
        ]
        assert status(app).endswith("records found")
        await pilot.press("escape", "w")
        app.query_one("#where", Input).value = '{"even": true}'
        await pilot.press("enter")
        await settle(pilot, app)
        assert [row[0] for row in table(app)] == ["id-114", "id-116", "id-118"]
        app.query_one("#text", Input).value = "nothing of the kind"
        await pilot.press("escape", "slash", "enter")
        await settle(pilot, app)
        assert table(app) == []
        assert status(app) == "notes: 0 records found"

    drive(client, steps)


@pytest.mark.parametrize("filter", ["{", '{"a": {"$what": 1}}', "5"])
def test_a_wrong_filter_is_explained_and_changes_nothing(client: Any, filter: str) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        app.query_one("#where", Input).value = filter
        await pilot.press("w", "enter")
        await settle(pilot, app)
        assert status(app).startswith("Expected ")
        assert len(table(app)) == 50

    drive(client, steps)


def test_what_a_terminal_would_obey_or_markup_is_shown_as_text(client: Any) -> None:
    evil = "\x1b]0;title\x07\x1b[2J [red]not markup[/red]\u202e"
    client.create_collection("evil", embedding_function=None).add(
        ids="evil \x1b[31m", embeddings=[1, 2], documents=evil, metadatas={"k": evil}
    )

    async def steps(pilot: Pilot[None], app: Browser) -> None:
        ((id, document, metadata),) = table(app)
        assert "[red]not markup[/red]" in document
        await pilot.press("enter")
        await settle(pilot, app)
        assert isinstance(app.screen, Whole)
        for shown in (id, document, metadata, app.screen.text):
            assert "\x1b" not in shown
            assert "\u202e" not in shown
        assert "[red]not markup[/red]" in app.screen.text

    drive(client, steps, "evil")


def test_reloading_shows_what_is_new(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        await asyncio.to_thread(client.create_collection, "new", embedding_function=None)
        await asyncio.to_thread(client.get_collection("letters").delete, ids=["id-0"])
        await pilot.press("r")
        await settle(pilot, app)
        listed = app.query_one("#collections", OptionList)
        assert [str(option.prompt) for option in listed.options] == ["notes  120", "letters  2", "new  0"]

    drive(client, steps)


def test_a_collection_that_is_deleted_meanwhile(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        await asyncio.to_thread(client.delete_collection, "notes")
        await pilot.press("enter")
        await settle(pilot, app)
        assert "does not exist" in status(app)
        await pilot.press("r")
        await settle(pilot, app)
        assert status(app) == "letters: 3 records"

    drive(client, steps)


def test_a_record_that_is_deleted_meanwhile(client: Any) -> None:
    info = client.get_collection("notes").get_model()
    assert records.describe_record(client, info, "gone").endswith("The record is not there any more.")


def test_an_empty_database_and_quitting() -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        assert status(app) == "There is no collection in this database."
        await pilot.press("enter", "n", "i", "q")
        assert app.return_code == 0

    with chromadb.PersistentClient("empty") as client:
        drive(client, steps)


def test_ctrl_c_ends_it(client: Any) -> None:
    async def steps(pilot: Pilot[None], app: Browser) -> None:
        await pilot.press("slash", "ctrl+c")
        assert app.return_code == 130

    drive(client, steps)


def test_over_http(fill: Any, serve: Any) -> None:
    fill("data", notes=60)
    server = serve("--path", "data", "--port", "0")

    async def steps(pilot: Pilot[None], app: Browser) -> None:
        assert len(table(app)) == 50
        await pilot.press("n")
        await settle(pilot, app)
        assert len(table(app)) == 10
        await pilot.press("enter")
        await settle(pilot, app)
        assert isinstance(app.screen, Whole)
        assert "8 dimensions: " in app.screen.text

    with chromadb.HttpClient(port=server.port, host="127.0.0.1") as client:
        drive(client, steps)


def test_the_command_opens_the_browser(chroma: Any, fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill("data", notes=1)
    opened: list[Any] = []

    def run(self: Browser) -> None:
        opened.append((self.wanted, self.theme, self.sub_title))
        self._return_code = 130

    monkeypatch.setattr(Browser, "run", run)
    assert chroma("browse", "notes", "--path", "data", "--theme", "light").code == 130
    ((wanted, theme, title),) = opened
    assert (wanted, theme) == ("notes", "textual-light")
    assert title.endswith("default_tenant/default_database")
    code, _, err = chroma("browse", "nothing", "--path", "data")
    assert code == 1
    assert err.startswith("chroma: Collection 'nothing' does not exist")
    assert len(opened) == 1


def test_without_textual_the_extra_is_named(chroma: Any, fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill("data", notes=1)
    monkeypatch.setitem(sys.modules, "textual", None)
    code, out, err = chroma("browse", "--path", "data")
    assert (code, out) == (1, "")
    assert err == "chroma: chroma browse needs the package textual: pip install 'chromadb[browse]'.\n"
