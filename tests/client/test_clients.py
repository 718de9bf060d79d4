from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb._client import system
from chromadb.errors import (
    AuthorizationError,
    ChromaError,
    ClosedClientError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    StorageFormatError,
    UniqueConstraintError,
)

ALLOWED = chromadb.Settings(allow_reset=True)


def open_files(folder: Path) -> list[str]:
    """Return the files below `folder` that this process has open."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(target)
    return found


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


# --- who shares what ---------------------------------------------------------------------------------


def test_ephemeral_clients_of_a_process_share_their_data() -> None:
    with chromadb.EphemeralClient() as one, chromadb.EphemeralClient() as other:
        one.create_collection("shared").add(ids="a", embeddings=[1, 2])
        assert other.get_collection("shared").count() == 1
        other.get_collection("shared").add(ids="b", embeddings=[1, 2])
        assert one.get_collection("shared").count() == 2


def test_data_on_memory_ends_with_its_last_client() -> None:
    one, other = chromadb.EphemeralClient(), chromadb.EphemeralClient()
    one.create_collection("shared")
    one.close()
    assert other.count_collections() == 1
    other.close()
    with chromadb.EphemeralClient() as again:
        assert again.count_collections() == 0


def test_a_client_without_settings_is_one_on_memory() -> None:
    with chromadb.Client() as client, chromadb.EphemeralClient() as ephemeral:
        client.create_collection("shared")
        assert ephemeral.count_collections() == 1
    assert os.listdir() == []


def test_settings_choose_the_place_of_a_client(tmp_path: Path) -> None:
    settings = chromadb.Settings(is_persistent=True, persist_directory=str(tmp_path / "db"))
    with chromadb.Client(settings) as client, chromadb.PersistentClient(tmp_path / "db") as persistent:
        client.create_collection("shared")
        assert persistent.count_collections() == 1


def test_a_directory_in_the_settings_means_nothing_to_a_client_on_memory(tmp_path: Path) -> None:
    with chromadb.Client(chromadb.Settings(persist_directory=str(tmp_path / "db"))) as client:
        client.create_collection("abc")
    assert not (tmp_path / "db").exists()


def test_the_kind_of_client_overrules_the_settings(tmp_path: Path) -> None:
    settings = chromadb.Settings(is_persistent=True, persist_directory=str(tmp_path / "one"))
    with chromadb.EphemeralClient(settings) as client:
        assert client.get_settings().is_persistent is False
    with chromadb.PersistentClient(tmp_path / "other", chromadb.Settings(is_persistent=False)) as client:
        assert client.get_settings().is_persistent is True
    assert not (tmp_path / "one").exists()
    assert (tmp_path / "other").is_dir()
    assert settings.persist_directory == str(tmp_path / "one")


def test_settings_assigned_before_the_client_is_made(tmp_path: Path) -> None:
    settings = chromadb.Settings()
    settings.is_persistent = True
    settings.persist_directory = str(tmp_path / "db")
    with chromadb.Client(settings) as client:
        client.create_collection("abc")
    with chromadb.PersistentClient(tmp_path / "db") as client:
        assert client.list_collections() == ["abc"]


def test_settings_assigned_afterwards_do_not_reach_a_client() -> None:
    settings = chromadb.Settings()
    with chromadb.Client(settings) as client:
        settings.allow_reset = True
        assert client.get_settings().allow_reset is False
        with pytest.raises(InvalidArgumentError, match="allow_reset"):
            chromadb.Client(settings)


@pytest.mark.parametrize("make", [chromadb.EphemeralClient, chromadb.Client, chromadb.AdminClient])
def test_one_place_has_one_set_of_settings(make: Callable[..., Any]) -> None:
    with (
        chromadb.EphemeralClient(),
        pytest.raises(ValueError, match=r"memory exists in this process with other settings: allow_reset") as error,
    ):
        make(settings=ALLOWED)
    assert isinstance(error.value, InvalidArgumentError)
    assert "close that client first" in str(error.value)


def test_the_same_path_with_other_settings_is_an_error(tmp_path: Path) -> None:
    first = chromadb.PersistentClient(tmp_path / "db")
    with pytest.raises(ValueError, match="other settings: allow_reset"):
        chromadb.PersistentClient(tmp_path / "db", ALLOWED)
    with chromadb.PersistentClient(tmp_path / "db", chromadb.Settings(allow_reset=False)):
        pass
    first.close()
    with chromadb.PersistentClient(tmp_path / "db", ALLOWED) as client:
        assert client.reset() is True


def test_one_directory_spelled_differently_is_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "db")
    with chromadb.PersistentClient(tmp_path / "db") as client:
        client.create_collection("abc")
        for spelling in ("db", "./db", "db/", "link", str(tmp_path / "cwd" / ".." / "db")):
            with chromadb.PersistentClient(spelling) as other:
                assert other.list_collections() == ["abc"]


def test_different_directories_are_different_places(tmp_path: Path) -> None:
    with chromadb.PersistentClient(tmp_path / "a") as one, chromadb.PersistentClient(tmp_path / "b", ALLOWED) as other:
        one.create_collection("abc")
        assert other.count_collections() == 0


def test_an_admin_client_works_on_the_same_place(tmp_path: Path) -> None:
    settings = chromadb.Settings(is_persistent=True, persist_directory=str(tmp_path / "db"))
    with chromadb.AdminClient(settings) as admin:
        admin.create_tenant("acme")
        admin.create_database("docs", "acme")
    with chromadb.PersistentClient(tmp_path / "db", tenant="acme", database="docs") as client:
        client.create_collection("abc")
        assert (client.tenant, client.database) == ("acme", "docs")


def test_clearing_the_cache_lets_new_clients_start_anew() -> None:
    old = chromadb.EphemeralClient()
    old.create_collection("abc")
    old.clear_system_cache()
    with chromadb.EphemeralClient(ALLOWED) as new:
        assert new.count_collections() == 0
        assert old.count_collections() == 1
    old.close()


def test_an_old_client_that_closes_does_not_take_the_new_ones_apart() -> None:
    old = chromadb.EphemeralClient()
    chromadb.api.client.SharedSystemClient.clear_system_cache()
    new = chromadb.EphemeralClient()
    new.create_collection("abc")
    old.close()
    with chromadb.EphemeralClient() as third:
        assert third.list_collections() == ["abc"]
    new.close()


def test_clients_can_share_a_system() -> None:
    with chromadb.EphemeralClient() as client:
        client.create_collection("abc")
        with chromadb.ClientAPI.from_system(client._system) as other:
            assert other.list_collections() == ["abc"]
        assert client.count_collections() == 1
        with pytest.raises(NotFoundError):
            chromadb.ClientAPI.from_system(client._system, tenant="nope")
        assert client.count_collections() == 1


# --- close -------------------------------------------------------------------------------------------


def test_a_closed_client_says_so(client: chromadb.ClientAPI) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    client.close()
    client.close()
    for call in (
        client.heartbeat,
        client.list_collections,
        client.reset,
        client.get_version,
        lambda: client.get_collection("abc"),
        lambda: client.set_database("default_database"),
        collection.count,
        lambda: collection.add(ids="a", embeddings=[1]),
        lambda: collection.query([1]),
    ):
        with pytest.raises(ClosedClientError, match=r"closed\. Make a new one") as error:
            call()
        assert isinstance(error.value, RuntimeError)
    assert collection.name == "abc"


def test_leaving_the_context_closes(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(tmp_path / "db")
    with pytest.raises(ZeroDivisionError), client:
        raise ZeroDivisionError
    with pytest.raises(ClosedClientError):
        client.heartbeat()


def test_a_closed_directory_opens_again(tmp_path: Path) -> None:
    for round in range(3):
        with chromadb.PersistentClient(tmp_path / "db") as client:
            collection = client.get_or_create_collection("abc", embedding_function=None)
            assert collection.count() == round
            collection.add(ids=str(round), embeddings=[round, 1])


def test_the_other_clients_of_a_path_go_on(tmp_path: Path) -> None:
    clients = [chromadb.PersistentClient(tmp_path / "db") for _ in range(3)]
    collections = [client.get_or_create_collection("abc", embedding_function=None) for client in clients]
    clients[0].close()
    clients[0].close()
    clients[0].close()
    collections[1].add(ids="a", embeddings=[1])
    with pytest.raises(ClosedClientError):
        clients[0].count_collections()
    assert collections[2].count() == 1
    clients[1].close()
    assert collections[2].count() == 1
    clients[2].close()


@linux
def test_no_file_stays_open_after_the_last_close(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    one, other = chromadb.PersistentClient(folder), chromadb.PersistentClient(folder)
    for number in range(5):
        collection = one.create_collection(f"collection-{number}", embedding_function=None)
        collection.add(ids="a", embeddings=[1, 2], documents="x", metadatas={"k": 1})
        collection.query([1, 2], where={"k": 1}, where_document={"$contains": "x"})
        collection.delete(where={"k": 1})
    one.delete_collection("collection-0")
    one.close()
    assert open_files(folder)
    other.close()
    assert open_files(folder) == []


@linux
def test_no_file_stays_open_after_a_failed_start(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        chromadb.PersistentClient(tmp_path / "db", tenant="nope")
    with pytest.raises(NotFoundError):
        chromadb.PersistentClient(tmp_path / "db", database="nope")
    assert open_files(tmp_path / "db") == []


def closed_within(folder: Path, seconds: float = 10.0) -> bool:
    """Return whether no file below `folder` is open any more, waiting for it for a while."""
    deadline = time.monotonic() + seconds
    gc.collect()
    while open_files(folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not open_files(folder)


@linux
def test_clients_that_are_forgotten_give_their_files_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "LINGER", 0.0)
    folder = tmp_path / "db"
    client = chromadb.PersistentClient(folder)
    admin = chromadb.AdminClient(chromadb.Settings(is_persistent=True, persist_directory=str(folder)))
    collection = client.create_collection("abc", embedding_function=None)
    (listed,) = client.list_collections()
    del client
    collection.add(ids="a", embeddings=[1, 2])
    assert admin.list_databases()
    del admin, collection
    assert not closed_within(folder, 0.2)
    assert listed.count() == 1  # a collection goes on without its client
    del listed
    assert closed_within(folder)
    assert chromadb.PersistentClient(folder).get_collection("abc").count() == 1
    assert closed_within(folder)


@linux
def test_a_client_that_is_closed_is_not_counted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "LINGER", 0.0)
    with chromadb.PersistentClient(tmp_path / "db") as kept:
        with chromadb.PersistentClient(tmp_path / "db") as closed:
            closed.create_collection("abc")
        del closed
        gc.collect()
        time.sleep(0.1)
        assert kept.list_collections() == ["abc"]
    assert open_files(tmp_path / "db") == []


@linux
def test_a_place_stays_open_a_while_for_the_next_client(tmp_path: Path) -> None:
    chromadb.PersistentClient(tmp_path / "db").create_collection("abc")
    first = system._systems[os.path.realpath(tmp_path / "db")]
    gc.collect()
    with chromadb.PersistentClient(tmp_path / "db") as client:
        assert client._system is first


@pytest.mark.parametrize("kept", ["collection", "nothing"])
def test_a_process_with_forgotten_clients_ends_in_silence(tmp_path: Path, kept: str) -> None:
    program = f"""
import chromadb
collection = chromadb.PersistentClient({str(tmp_path / "db")!r}).create_collection("abc", embedding_function=None)
collection.add(ids="a", embeddings=[1, 2])
if {kept!r} == "nothing":
    del collection
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with chromadb.PersistentClient(tmp_path / "db") as client:
        assert client.get_collection("abc").count() == 1


def test_what_is_in_memory_outlives_a_forgotten_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "LINGER", 0.0)
    chromadb.EphemeralClient().create_collection("abc")
    gc.collect()
    time.sleep(0.1)
    with chromadb.EphemeralClient() as client:
        assert client.list_collections() == ["abc"]
        while client._system.clients > 1:
            client._system.leave()


def test_an_admin_client_closes_too() -> None:
    with chromadb.AdminClient() as admin:
        assert admin.get_tenant("default_tenant").name == "default_tenant"
    admin.close()
    with pytest.raises(ClosedClientError):
        admin.get_tenant("default_tenant")


# --- paths -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_and_its_missing_parents(tmp_path: Path, kind: type) -> None:
    folder = tmp_path / "a" / "b" / "c d ü"
    with chromadb.PersistentClient(kind(folder)) as client:
        client.create_collection("abc")
    assert folder.is_dir()
    with chromadb.PersistentClient(path=kind(folder)) as client:
        assert client.list_collections() == ["abc"]


def test_the_default_path_is_a_folder_in_the_working_directory() -> None:
    with chromadb.PersistentClient() as client:
        client.create_collection("abc")
    assert os.listdir() == ["chroma"]


def test_a_tilde_is_a_name_like_any_other() -> None:
    with chromadb.PersistentClient("~/x") as client:
        client.create_collection("abc")
    assert os.listdir() == ["~"]


@pytest.mark.parametrize("path", [None, 5, ["a"], b"bytes"])
def test_something_else_than_a_path_is_refused(path: Any) -> None:
    with pytest.raises(ChromaError) as error:
        chromadb.PersistentClient(path)
    assert isinstance(error.value, (TypeError, ValueError))
    assert os.listdir() == []


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "db"):
        with pytest.raises(ChromaError, match="file"):
            chromadb.PersistentClient(path)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_of_the_published_versions_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "chroma.sqlite3").write_bytes(b"theirs")
    with pytest.raises(StorageFormatError, match=r"chroma\.sqlite3 stands there.*Nothing was changed"):
        chromadb.PersistentClient(tmp_path / "db")
    assert os.listdir(tmp_path / "db") == ["chroma.sqlite3"]
    assert (tmp_path / "db" / "chroma.sqlite3").read_bytes() == b"theirs"


# --- environment, .env, configure --------------------------------------------------------------------


def test_the_environment_configures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IS_PERSISTENT", "TRUE")
    monkeypatch.setenv("PERSIST_DIRECTORY", str(tmp_path / "db"))
    monkeypatch.setenv("ALLOW_RESET", "true")
    with chromadb.Client() as client:
        client.create_collection("abc")
        assert client.get_settings().persist_directory == str(tmp_path / "db")
        assert client.reset() is True
    assert (tmp_path / "db").is_dir()


def test_a_dotenv_file_configures(tmp_path: Path) -> None:
    Path(".env").write_text(f"IS_PERSISTENT=TRUE\nPERSIST_DIRECTORY={tmp_path / 'db'}\nALLOW_RESET=TRUE\n")
    with chromadb.Client() as client:
        client.create_collection("abc")
        assert client.reset() is True
    assert (tmp_path / "db").is_dir()


def test_arguments_overrule_the_environment_and_it_overrules_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text(f"IS_PERSISTENT=TRUE\nPERSIST_DIRECTORY={tmp_path / 'dotenv'}\n")
    monkeypatch.setenv("PERSIST_DIRECTORY", str(tmp_path / "environment"))
    with chromadb.Client():
        pass
    with chromadb.Client(chromadb.Settings(persist_directory=str(tmp_path / "argument"))):
        pass
    with chromadb.PersistentClient(tmp_path / "path"):
        pass
    with chromadb.EphemeralClient():
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"cwd", "environment", "argument", "path"}


def test_configure_sets_defaults_of_later_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSIST_DIRECTORY", str(tmp_path / "environment"))
    chromadb.configure(is_persistent=True, persist_directory=str(tmp_path / "db"))
    chromadb.configure(allow_reset=True)
    assert chromadb.get_settings().allow_reset is True
    with chromadb.Client() as client:
        assert client.reset() is True
    assert {path.name for path in tmp_path.iterdir()} == {"cwd", "db"}
    with pytest.raises(InvalidArgumentError, match="allow_reset"):
        chromadb.configure(allow_reset="perhaps")
    assert chromadb.get_settings().allow_reset is True


def test_a_client_of_a_server_is_not_mistaken_for_an_embedded_one() -> None:
    settings = chromadb.Settings(chroma_api_impl="rest", chroma_server_host="localhost")
    with pytest.raises(InvalidArgumentError, match=r"Expected chroma_api_impl to be one of .*FastAPI; got 'rest'"):
        chromadb.Client(settings)
    with chromadb.Client(chromadb.Settings(chroma_api_impl="chromadb.api.rust.RustBindingsAPI")) as client:
        assert client.heartbeat()


# --- the service -------------------------------------------------------------------------------------


def test_what_the_service_says_of_itself(client: chromadb.ClientAPI) -> None:
    before = time.time_ns()
    assert before <= client.heartbeat() <= time.time_ns()
    assert client.get_version() == chromadb.__version__ == "1.5.9"
    assert client.get_max_batch_size() >= 5461
    identity = client.get_user_identity()
    assert (identity.tenant, identity.databases) == ("default_tenant", ["default_database"])
    assert isinstance(client.get_settings(), chromadb.Settings)
    assert "default_tenant" in repr(client)
    assert type(client._server).__name__ == "SegmentAPI"


def test_reset_deletes_everything_where_it_is_allowed(client: chromadb.ClientAPI) -> None:
    with chromadb.AdminClient(client.get_settings()) as admin:
        admin.create_tenant("acme")
        admin.create_database("docs", "acme")
        handle = client.create_collection("abc", embedding_function=None)
        handle.add(ids="a", embeddings=[1])
        assert client.reset() is True
        assert client.list_collections() == []
        with pytest.raises(NotFoundError):
            handle.count()
        with pytest.raises(NotFoundError):
            admin.get_tenant("acme")
        assert [database.name for database in admin.list_databases()] == ["default_database"]
        client.create_collection("abc", embedding_function=None).add(ids="a", embeddings=[1, 2, 3])


def test_reset_is_refused_where_it_is_not_allowed(tmp_path: Path) -> None:
    with chromadb.PersistentClient(tmp_path / "db") as client:
        client.create_collection("abc")
        with pytest.raises(AuthorizationError, match=r"Settings\(allow_reset=True\) or ALLOW_RESET=TRUE") as error:
            client.reset()
        assert isinstance(error.value, ValueError)
        assert client.count_collections() == 1


# --- tenants and databases ---------------------------------------------------------------------------


@pytest.fixture
def admin(client: chromadb.ClientAPI) -> Any:
    with chromadb.AdminClient(client.get_settings()) as made:
        yield made


def test_tenants(admin: chromadb.api.client.AdminClient) -> None:
    assert admin.get_tenant("default_tenant")["name"] == "default_tenant"
    assert admin.create_tenant("acme") is None
    tenant = admin.get_tenant("acme")
    assert (tenant.name, tenant["name"]) == ("acme", "acme")
    with pytest.raises(NotFoundError, match="default_database"):
        admin.get_database("default_database", "acme")
    with pytest.raises(UniqueConstraintError, match="acme") as error:
        admin.create_tenant("acme")
    assert isinstance(error.value, InternalError)
    assert isinstance(error.value, ValueError)
    with pytest.raises(NotFoundError, match="nobody"):
        admin.get_tenant("nobody")
    with pytest.raises(InvalidArgumentError, match="at least 3 characters, got 'ab'"):
        admin.create_tenant("ab")


def test_databases(admin: chromadb.api.client.AdminClient) -> None:
    default = admin.get_database("default_database")
    assert (default.name, default["tenant"]) == ("default_database", "default_tenant")
    for name in ("zoo", "art", "music"):
        assert admin.create_database(name) is None
    names = ["default_database", "zoo", "art", "music"]
    assert [database.name for database in admin.list_databases()] == names
    assert [database.name for database in admin.list_databases(limit=2, offset=1)] == names[1:3]
    assert [database.name for database in admin.list_databases(offset=3)] == names[3:]
    assert admin.list_databases(limit=0) == []
    assert len({database.id for database in admin.list_databases()}) == 4
    with pytest.raises(UniqueConstraintError, match="zoo"):
        admin.create_database("zoo")
    with pytest.raises(InvalidArgumentError, match="database name to have at least 3"):
        admin.create_database("ab")
    assert admin.delete_database("zoo") is None
    assert [database.name for database in admin.list_databases()] == ["default_database", "art", "music"]
    for call in (admin.get_database, admin.delete_database):
        with pytest.raises(NotFoundError, match="zoo"):
            call("zoo")
    for call in (admin.get_database, admin.create_database, admin.delete_database):
        with pytest.raises(NotFoundError, match="nobody"):
            call("docs", "nobody")
    with pytest.raises(NotFoundError, match="nobody"):
        admin.list_databases(tenant="nobody")
    for bad in ("1", 1.5, -1, True):
        with pytest.raises(InvalidArgumentError, match="limit"):
            admin.list_databases(limit=bad)


def test_a_deleted_database_takes_its_collections_along(
    client: chromadb.ClientAPI, admin: chromadb.api.client.AdminClient, tmp_path: Path
) -> None:
    kept = client.create_collection("kept", embedding_function=None)
    kept.add(ids="a", embeddings=[1])
    admin.create_database("docs")
    client.set_database("docs")
    gone = client.create_collection("gone", embedding_function=None)
    gone.add(ids="a", embeddings=[1])
    admin.delete_database("docs")
    with pytest.raises(NotFoundError):
        gone.count()
    with pytest.raises(NotFoundError, match="docs"):
        client.list_collections()
    with pytest.raises(NotFoundError, match="docs"):
        client.create_collection("abc")
    assert kept.count() == 1
    if client.get_settings().is_persistent:
        assert os.listdir(tmp_path / "db" / "collections") == [str(kept.id)]
    admin.create_database("docs")
    assert client.list_collections() == []


def test_databases_keep_their_collections_apart(
    client: chromadb.ClientAPI, admin: chromadb.api.client.AdminClient
) -> None:
    admin.create_tenant("acme")
    places = [("default_tenant", "default_database"), ("default_tenant", "docs"), ("acme", "docs")]
    for tenant, database in places[1:]:
        admin.create_database(database, tenant)
    for number, (tenant, database) in enumerate(places):
        client.set_tenant(tenant, database)
        collection = client.create_collection("same", embedding_function=None, metadata={"n": number})
        collection.add(ids=[str(i) for i in range(number + 1)], embeddings=[[i] for i in range(number + 1)])
        assert (collection.tenant, collection.database) == (tenant, database)
    ids = set()
    for number, (tenant, database) in enumerate(places):
        client.set_tenant(tenant, database)
        (found,) = client.list_collections()
        assert (found.metadata, found.count()) == ({"n": number}, number + 1)
        ids.add(found.id)
    client.delete_collection("same")
    assert client.count_collections() == 0
    for id in ids - {found.id}:
        with pytest.raises(NotFoundError, match=str(id)):
            client.get_collection_by_id(id)
    client.set_tenant("default_tenant")
    assert (client.database, client.count_collections()) == ("default_database", 1)


def test_going_where_nothing_is_changes_nothing(client: chromadb.ClientAPI) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        client.set_tenant("nobody")
    with pytest.raises(NotFoundError, match="nothing"):
        client.set_tenant("default_tenant", "nothing")
    with pytest.raises(NotFoundError, match="nothing"):
        client.set_database("nothing")
    assert (client.tenant, client.database) == ("default_tenant", "default_database")
    assert client.list_collections() == []


@pytest.mark.parametrize("name", ["\ud800abc", 5, None, ["a"]])
def test_a_name_that_cannot_exist_is_a_typed_error(
    client: chromadb.ClientAPI, admin: chromadb.api.client.AdminClient, name: Any
) -> None:
    for call in (client.set_tenant, client.set_database, admin.get_tenant, admin.get_database, client.get_collection):
        with pytest.raises(ChromaError):
            call(name)


def test_tenants_and_databases_survive(tmp_path: Path) -> None:
    settings = chromadb.Settings(is_persistent=True, persist_directory=str(tmp_path / "db"))
    with chromadb.AdminClient(settings) as admin:
        admin.create_tenant("acme")
        admin.create_database("docs", "acme")
        database = admin.get_database("docs", "acme")
    with chromadb.AdminClient(settings) as admin:
        assert admin.get_database("docs", "acme") == database


# --- other processes ---------------------------------------------------------------------------------

WRITE = """
import os, chromadb
client = chromadb.PersistentClient({path!r})
collection = client.get_or_create_collection("abc", embedding_function=None, metadata={{"a": 1}})
collection.add(ids=["1", "2"], embeddings=[[1, 2], [3, 4]], documents=["one", None], metadatas=[{{"k": [1]}}, None])
collection.update(ids="2", embeddings=[3, 4], documents="two")
print("written", flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "client.close()", ""])
def test_data_survives_the_process_without_any_flush(tmp_path: Path, end: str) -> None:
    program = WRITE.format(path=str(tmp_path / "db"), end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "written\n", done.stderr
    with chromadb.PersistentClient(tmp_path / "db") as client:
        collection = client.get_collection("abc")
        assert collection.metadata == {"a": 1}
        result = collection.get(include=["documents", "metadatas", "embeddings"])
        assert result["ids"] == ["1", "2"]
        assert result["documents"] == ["one", "two"]
        assert result["metadatas"] == [{"k": [1]}, None]
        assert result["embeddings"].tolist() == [[1, 2], [3, 4]]


def test_a_write_of_another_process_is_seen_at_once(tmp_path: Path, python: Callable[..., str]) -> None:
    with chromadb.PersistentClient(tmp_path / "db") as client:
        collection = client.create_collection("abc", embedding_function=None)
        collection.add(ids="mine", embeddings=[0, 0])
        assert collection.query([3, 4])["ids"] == [["mine"]]
        python(WRITE.format(path=str(tmp_path / "db"), end=""))
        assert collection.query([3, 4], include=[])["ids"] == [["2", "1", "mine"]]
        assert collection.get(where={"k": {"$contains": 1}})["ids"] == ["1"]


def test_clients_are_made_by_functions_and_have_a_class() -> None:
    for make in (chromadb.EphemeralClient, chromadb.PersistentClient, chromadb.Client):
        assert inspect.isfunction(make)
        with make() as client:
            assert isinstance(client, chromadb.ClientAPI)
            assert type(client) is chromadb.api.client.Client
