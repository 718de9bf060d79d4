"""The threads of the server keep nothing of the requests that they have done."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from chromadb._server.pool import Pool


class Body:
    """What a request brings, or its answer."""


@pytest.fixture
def uncollected() -> Any:
    """No garbage is collected: what goes must go at once."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def after(call: Callable[[Body], object], *, fails: bool = False) -> Callable[[], object]:
    """Do a call in a pool; return a reference to what it was called with, while the thread waits for the next one."""
    body = Body()
    reference = weakref.ref(body)

    async def ask() -> None:
        pool = Pool(1, 10, 30.0)
        nonlocal body
        held, body = body, None  # type: ignore[assignment]

        def job(body: Body = held) -> object:
            return call(body)

        del held
        request = pool.run(job, writes=True)
        del job
        try:
            await request
            assert not fails
        except ValueError:
            assert fails
        del request
        # The thread may be on its way still; it is asked for nothing else.
        for _ in range(400):
            if reference() is None:
                break
            await asyncio.sleep(0.005)
        assert reference() is None
        pool.close()

    asyncio.run(ask())
    return reference


def test_a_request_that_is_done(uncollected: None) -> None:
    assert after(lambda body: None)() is None


def test_an_answer_that_was_given(uncollected: None) -> None:
    assert after(lambda body: body)() is None


def test_a_request_that_failed(uncollected: None) -> None:
    def fail(body: Body) -> None:
        raise ValueError("no")

    assert after(fail, fails=True)() is None
