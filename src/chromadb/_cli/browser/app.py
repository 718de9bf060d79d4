"""The screen of the browser: collections at the left, records at the right, one record whole above them."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Header, Input, OptionList, Static
from textual.widgets.option_list import Option

from chromadb._cli.advice import for_command_line
from chromadb._cli.browser.records import (
    Page,
    Search,
    describe_collection,
    describe_record,
    list_collections,
    read_page,
    rows,
)
from chromadb._cli.output import harmless, plural
from chromadb._client._sync.client import Client
from chromadb._model.entities import CollectionInfo
from chromadb.errors import ChromaError

INTERRUPTED = 130


class Whole(ModalScreen[None]):
    """Something shown whole, until a key is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter", "dismiss", "Back")]

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        with VerticalScroll(id="whole"):
            # As Text: what stands in a record is no markup.
            yield Static(Text(self.text))
        yield Footer()


class Browser(App[None]):
    """Shows the collections of a database, and their records.

    Args:
        client: of the database; only read from.
        place: where it is, for the title.
        collection: the one to begin with; None for the first.
        theme: "dark" or "light".
    """

    CSS = """
    #collections { width: 32; height: 1fr; border-right: solid $primary; }
    #search { height: auto; }
    #search Input { width: 1fr; }
    #records { height: 1fr; }
    #status { height: auto; padding: 0 1; color: $text-muted; }
    #whole { margin: 1 3; padding: 1 2; background: $surface; border: round $primary; }
    Whole { align: center middle; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("n,pagedown", "turn(1)", "Next page"),
        ("p,pageup", "turn(-1)", "Previous page"),
        ("slash", "focus('text')", "Search text"),
        ("w", "focus('where')", "Filter"),
        ("i", "describe", "About"),
        ("r", "reload", "Reload"),
        ("escape", "leave", "Records"),
        ("q", "quit", "Quit"),
        Binding("ctrl+c", "interrupt", "Interrupt", show=False, priority=True),
    ]

    def __init__(self, client: Client, place: str, collection: str | None = None, theme: str = "dark") -> None:
        super().__init__()
        self.title = "chroma browse"
        self.sub_title = harmless(f"{place}  {client.tenant}/{client.database}")
        self.theme = f"textual-{theme}"
        self.client = client
        self.wanted = collection
        self.collections: list[tuple[CollectionInfo, int]] = []
        self.collection: CollectionInfo | None = None
        self.page: Page | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Header()
        with Horizontal():
            yield OptionList(id="collections")
            with Vertical():
                with Horizontal(id="search"):
                    yield Input(placeholder="text in the document", id="text")
                    yield Input(placeholder='filter, such as {"year": {"$gt": 2000}}', id="where")
                yield DataTable(id="records", cursor_type="row", zebra_stripes=True)
                yield Static(id="status")
        yield Footer()

    def on_mount(self) -> None:
        """Begin with the list of collections."""
        self.records.add_columns("id", "document", "metadata")
        self.action_reload()

    @property
    def records(self) -> DataTable[Any]:
        """The table of records."""
        return self.query_one("#records", DataTable)

    # --- what is read, in a thread ------------------------------------------------------------------

    @work(thread=True, exclusive=True, group="collections")
    def _read_collections(self) -> None:
        try:
            found = list_collections(self.client)
        except ChromaError as error:
            self.call_from_thread(self._say, for_command_line(error.message()))
            return
        self.call_from_thread(self._show_collections, found)

    @work(thread=True, exclusive=True, group="records")
    def _read_page(self, collection: CollectionInfo, search: Search, number: int) -> None:
        try:
            page = read_page(self.client, collection, search, number)
        except ChromaError as error:
            self.call_from_thread(self._say, for_command_line(error.message()))
            return
        self.call_from_thread(self._show_page, collection, page)

    @work(thread=True, exclusive=True, group="whole")
    def _read_record(self, collection: CollectionInfo, id: str) -> None:
        try:
            text = describe_record(self.client, collection, id)
        except ChromaError as error:
            self.call_from_thread(self._say, for_command_line(error.message()))
            return
        self.call_from_thread(self.push_screen, Whole(text))

    # --- what is shown ------------------------------------------------------------------------------

    def _show_collections(self, found: list[tuple[CollectionInfo, int]]) -> None:
        self.collections = found
        listed = self.query_one("#collections", OptionList)
        listed.clear_options()
        listed.add_options(
            [Option(Text(f"{harmless(info.name)}  {count:,}"), id=str(info.id)) for info, count in found]
        )
        names = [info.name for info, _ in found]
        if not names:
            self._say("There is no collection in this database.")
            return
        current = self.collection.name if self.collection is not None else self.wanted
        place = names.index(current) if current in names else 0
        listed.highlighted = place
        self._open(found[place][0], focus=self.collection is None)

    def _open(self, collection: CollectionInfo, *, focus: bool = True) -> None:
        self.collection = collection
        self._read_page(collection, self._search(), 0)
        if focus:
            self.records.focus()

    def _show_page(self, collection: CollectionInfo, page: Page) -> None:
        self.page = page
        self.records.clear()
        for place, cells in enumerate(rows(page)):
            self.records.add_row(*(Text(cell) for cell in cells), key=str(place))
        count = len(page.records["ids"])
        what = f"{plural(count, 'record')} found" if page.search != Search() else plural(count, "record")
        if page.has_next or page.number:
            more = ", more follow" if page.has_next else ""
            what = f"records {page.first:,} to {page.first + count - 1:,}{more}" if count else "no further records"
        self._say(f"{collection.name}: {what}")

    def _say(self, message: str) -> None:
        self.query_one("#status", Static).update(Text(harmless(message)))

    def _search(self) -> Search:
        return Search(self.query_one("#text", Input).value, self.query_one("#where", Input).value)

    # --- what the user does -------------------------------------------------------------------------

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Show the records of the collection that was chosen."""
        self._open(self.collections[event.option_index][0])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search."""
        if self.collection is not None:
            self._open(self.collection)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show the record whole."""
        if self.collection is not None and self.page is not None:
            self._read_record(self.collection, self.page.records["ids"][event.cursor_row])

    def action_turn(self, by: int) -> None:
        """Go to the next or the previous page."""
        page = self.page
        if self.collection is None or page is None or page.number + by < 0 or (by > 0 and not page.has_next):
            return
        self._read_page(self.collection, page.search, page.number + by)

    def action_describe(self) -> None:
        """Show what is known of the collection."""
        if self.collection is not None:
            self.push_screen(Whole(describe_collection(self.collection)))

    def action_reload(self) -> None:
        """Read everything again."""
        self._read_collections()

    def action_interrupt(self) -> None:
        """End as programs do at Ctrl+C."""
        self.exit(return_code=INTERRUPTED)

    def action_leave(self) -> None:
        """Go from a field back to the records."""
        self.records.focus()
