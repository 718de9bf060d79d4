"""The server as a process: connections that are broken or slow, signals, workers, and what keeps it from starting."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
HEARTBEAT = b"GET /api/v2/heartbeat HTTP/1.1\r\nhost: x\r\n\r\n"


def ask(server: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def raw(server: Any, data: bytes) -> bytes:
    """Send bytes, end the connection on this side, and return whatever comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        received = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while chunk := sock.recv(65536):
                received += chunk
        except OSError:
            pass  # the server has hung up
        return received


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def make_collection(server: Any, name: str = "letters") -> str:
    """Make a collection and return its path."""
    return f"{COLLECTIONS}/{ask(server, 'POST', COLLECTIONS, {'name': name})[1]['id']}"


# --- connections ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any]) -> Any:
    """A server that outlives everything that is done to its connections."""
    return start_server(chroma_server_request_timeout_seconds=1)


def test_it_says_where_it_listens_and_on_what(server: Any) -> None:
    assert server.banner.startswith(f"Chroma listens on http://localhost:{server.port}.")
    assert str(server.folder / "data") in server.banner


def test_localhost_is_both_of_its_addresses(server: Any) -> None:
    assert ask(server, "GET", "/api/v2/heartbeat")[0] == 200
    try:
        with socket.create_connection(("::1", server.port), timeout=10) as sock:
            sock.sendall(HEARTBEAT)
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
    except OSError as error:
        pytest.skip(f"there is no IPv6 here: {error}")


def test_random_bytes_are_answered_with_an_error(server: Any) -> None:
    dice = random.Random(4)
    for size in (1, 10, 1000, 100_000):
        answered = raw(server, dice.randbytes(size))
        assert answered == b"" or answered.startswith(b"HTTP/1.1 4")
    answered = raw(server, b"this is no HTTP\r\n\r\n")
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["message"]
    assert ask(server, "GET", "/api/v2/heartbeat")[0] == 200


def test_a_head_without_end_is_refused(server: Any) -> None:
    answered = raw(server, b"GET / HTTP/1.1\r\n" + b"x-filler: " + b"y" * 200_000)
    assert answered == b"" or answered.startswith(b"HTTP/1.1 4")
    assert ask(server, "GET", "/api/v2/heartbeat")[0] == 200


def test_a_body_that_breaks_off_does_no_harm(server: Any) -> None:
    head = f"POST {COLLECTIONS} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n".encode()
    raw(server, head + b'{"name":"half')
    raw(server, head)
    assert ask(server, "GET", COLLECTIONS)[1] == []


def test_a_body_that_does_not_come_is_given_up(server: Any) -> None:
    head = f"POST {COLLECTIONS} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(head + b"{")
        assert sock.recv(65536).startswith(b"HTTP/1.1 408")


def test_chunked_bodies_and_several_requests_on_a_connection(server: Any) -> None:
    body = b'{"name":"chunked"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"
    request = f"POST {COLLECTIONS} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode() + chunks
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(request + HEARTBEAT)
        answered = b""
        while b"heartbeat" not in answered:
            answered += sock.recv(65536)
    assert answered.count(b"HTTP/1.1 200") == 2
    assert b'"name":"chunked"' in answered
    assert ask(server, "DELETE", f"{COLLECTIONS}/chunked")[0] == 200


def test_many_connections_that_are_left_open(server: Any) -> None:
    opened = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(200)]
    try:
        assert ask(server, "GET", "/api/v2/heartbeat")[0] == 200
    finally:
        for sock in opened:
            sock.close()


def test_an_idle_connection_is_closed_after_a_while(start_server: Callable[..., Any]) -> None:
    server = start_server(chroma_server_keepalive_seconds=1)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(HEARTBEAT)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
        assert b"heartbeat" in received


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs /proc to see the limit")
def test_the_limit_of_open_files_is_the_one_asked_for(start_server: Callable[..., Any]) -> None:
    server = start_server(chroma_server_nofile=512)
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
    assert line.split()[3] == "512"


# --- signals ----------------------------------------------------------------------------------------


def test_a_signal_lets_it_finish_what_it_is_at(start_server: Callable[..., Any]) -> None:
    server = start_server()
    path = make_collection(server)
    count = 20_000
    body = {"ids": [str(i) for i in range(count)], "embeddings": [[i, 1.0] for i in range(count)]}
    answers: list[tuple[int, Any]] = []
    writer = threading.Thread(target=lambda: answers.append(ask(server, "POST", f"{path}/add", body)))
    writer.start()
    time.sleep(0.1)
    server.signal()
    writer.join()
    assert server.process.wait(60) == 0
    # Either it was taken on, and then to its end, or it did not get through.
    again = start_server(folder=server.folder)
    stored = ask(again, "GET", f"{path}/count")[1]
    assert (stored, answers[:1]) in ((count, [(201, {})]), (0, []))


def test_an_idle_server_ends_at_once_whatever_is_connected(start_server: Callable[..., Any]) -> None:
    server = start_server(chroma_server_grace_seconds=30)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(HEARTBEAT)
        assert sock.recv(65536)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 15


def test_a_second_signal_ends_it_at_once(start_server: Callable[..., Any]) -> None:
    server = start_server(chroma_server_grace_seconds=600, chroma_server_request_timeout_seconds=600)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(f"POST {COLLECTIONS} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n".encode())
        wait_for(lambda: ask(server, "GET", "/api/v2/heartbeat")[0] == 200)
        server.signal()
        time.sleep(0.5)
        assert server.process.poll() is None
        server.signal()
        server.process.wait(20)
    assert server.process.returncode == 128 + signal.SIGTERM


def test_what_is_not_done_within_the_grace_time_is_broken_off(start_server: Callable[..., Any]) -> None:
    server = start_server(chroma_server_grace_seconds=1, chroma_server_request_timeout_seconds=600)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(f"POST {COLLECTIONS} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n".encode())
        wait_for(lambda: ask(server, "GET", "/api/v2/heartbeat")[0] == 200)
        assert server.stop() == 0


def test_the_log_has_a_line_for_every_request(start_server: Callable[..., Any]) -> None:
    server = start_server()
    ask(server, "GET", "/api/v2/heartbeat")
    ask(server, "GET", "/nothing")
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    assert [(line["path"], line["status"]) for line in lines] == [("/api/v2/heartbeat", 200), ("/nothing", 404)]


# --- workers ----------------------------------------------------------------------------------------


def test_workers_share_a_directory(start_server: Callable[..., Any]) -> None:
    server = start_server(workers=2)
    path = make_collection(server)
    for i in range(20):
        assert ask(server, "POST", f"{path}/add", {"ids": [str(i)], "embeddings": [[i, 1]]})[0] == 201
        # Whoever answers has seen the write of whoever made it.
        assert ask(server, "GET", f"{path}/count")[1] == i + 1
    near = ask(server, "POST", f"{path}/query", {"query_embeddings": [[7.2, 1]], "n_results": 2})[1]
    assert near["ids"] == [["7", "8"]]
    assert server.stop() == 0
    assert "Traceback" not in server.log()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc to find the workers")
def test_a_worker_that_dies_is_replaced(start_server: Callable[..., Any]) -> None:
    server = start_server(workers=2)
    wait_for(lambda: ask(server, "GET", "/api/v2/heartbeat")[0] == 200)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")

    def workers() -> set[int]:
        listed = (int(number) for number in children.read_text().split())
        return {number for number in listed if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()}

    before = workers()
    assert len(before) == 2
    os.kill(min(before), signal.SIGKILL)
    wait_for(lambda: len(workers()) == 2 and workers() != before)

    def answers() -> bool:
        try:
            return bool(ask(server, "GET", "/api/v2/heartbeat")[0] == 200)
        except ConnectionError:
            return False  # it had come to the one that died

    wait_for(answers)
    assert server.stop() == 0


def test_workers_share_the_connections(start_server: Callable[..., Any]) -> None:
    server = start_server(workers=2)
    wait_for(lambda: ask(server, "GET", "/api/v2/heartbeat")[0] == 200)
    opened = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(40)]
    try:
        for sock in opened:
            sock.sendall(HEARTBEAT)
        assert all(sock.recv(100).startswith(b"HTTP/1.1 200") for sock in opened)
    finally:
        for sock in opened:
            sock.close()


def test_two_servers_with_workers_do_not_share_a_port(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    server = start_server(workers=2)
    wait_for(lambda: ask(server, "GET", "/api/v2/heartbeat")[0] == 200)
    assert "is taken" in start_in_vain(tmp_path, port=server.port, workers=2)


# --- what keeps it from starting --------------------------------------------------------------------


def start_in_vain(tmp_path: Path, **arguments: Any) -> str:
    """Run the program of a server that cannot start; return what it says."""
    program = tmp_path / "vain.py"
    program.write_text(
        "import sys, json\n"
        "from chromadb._server.serve import serve\n"
        "from chromadb.config import Settings\n"
        "from chromadb.errors import ChromaError\n"
        "arguments = json.loads(sys.argv[1])\n"
        "try:\n"
        "    serve(Settings(**arguments.pop('settings')), **arguments)\n"
        "except ChromaError as error:\n"
        "    sys.exit(error.message())\n"
    )
    settings = {"is_persistent": True, "persist_directory": str(tmp_path / "data"), **arguments.pop("settings", {})}
    given = json.dumps({"host": "localhost", "port": 0, "settings": settings, **arguments})
    run = subprocess.run([sys.executable, str(program), given], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    assert run.stderr.count("\n") == 1
    return run.stderr


def test_a_port_that_is_taken(tmp_path: Path, server: Any) -> None:
    assert f"Port {server.port} of localhost is taken" in start_in_vain(tmp_path, port=server.port)
    assert not (tmp_path / "data").exists()


PROVIDER = "chromadb.auth.token_authn.TokenAuthenticationServerProvider"


@pytest.mark.parametrize("name", ["authn_credentials", "authn_credentials_file", "authz_provider"])
def test_authentication_that_would_have_no_effect(tmp_path: Path, name: str) -> None:
    setting = f"chroma_server_{name}"
    said = start_in_vain(tmp_path, settings={setting: PROVIDER})
    assert f"Expected chroma_server_authn_provider to be set with {setting}, got none" in said
    assert PROVIDER not in said
    assert not (tmp_path / "data").exists()


def test_authentication_without_credentials_under_uvicorn(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"CHROMA_SERVER_AUTHN_PROVIDER={PROVIDER}\n")
    command = [sys.executable, "-m", "uvicorn", "chromadb.app:app", "--port", "0", "--log-level", "error"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    assert "Expected chroma_server_authn_credentials or chroma_server_authn_credentials_file to be set" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_directory_of_the_published_version(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "chroma.sqlite3").touch()
    assert "written by a published version" in start_in_vain(tmp_path)


def test_a_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no directory")
    assert str(tmp_path / "data") in start_in_vain(tmp_path)


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    assert "log path" in start_in_vain(tmp_path, log_path=str(tmp_path / "missing" / "server.log"))


def test_a_host_that_is_not_here(tmp_path: Path) -> None:
    assert "name or an address of this machine" in start_in_vain(tmp_path, host="does-not-exist.invalid")
    assert "got '192.0.2.1'" in start_in_vain(tmp_path, host="192.0.2.1")


def test_workers_that_make_no_sense(tmp_path: Path) -> None:
    assert "at least 1" in start_in_vain(tmp_path, workers=0)
    assert "processes share a directory" in start_in_vain(tmp_path, workers=2, settings={"is_persistent": False})


def test_the_application_runs_under_uvicorn(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    environment = {**os.environ, "IS_PERSISTENT": "TRUE", "PERSIST_DIRECTORY": str(tmp_path / "data")}
    command = [sys.executable, "-m", "uvicorn", "chromadb.app:app", "--port", str(port), "--log-level", "warning"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path) as process:
        try:

            def up() -> bool:
                try:
                    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                        sock.sendall(HEARTBEAT)
                        return sock.recv(100).startswith(b"HTTP/1.1 200")
                except ConnectionError:
                    return False

            wait_for(up)
            assert (tmp_path / "data" / "catalog.sqlite3").exists()
        finally:
            process.terminate()
