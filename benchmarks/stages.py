"""Time spent in named functions, each without the time of the named functions that it calls."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any


class Stages:
    """Wraps functions while `watching`, and adds up their time by stage.

    Args:
        targets: for each stage the functions that belong to it, as ``module:attribute`` or ``module:Class.method``,
            where the caller looks them up. Of a context manager, entering and leaving are timed. What does not exist is
            listed in `missing`: the code has moved on.
    """

    def __init__(self, targets: Mapping[str, Sequence[str]]) -> None:
        self._targets = targets
        self._inner: list[float] = []
        self.spent = dict.fromkeys(targets, 0.0)
        self.missing: list[str] = []

    def reset(self) -> dict[str, float]:
        """Return the seconds by stage since the last reset."""
        spent, self.spent = self.spent, dict.fromkeys(self._targets, 0.0)
        return spent

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time the functions until the context ends."""
        replaced: list[tuple[Any, str, Any]] = []
        for stage, targets in self._targets.items():
            for target in targets:
                owner, name = _find(target)
                if owner is None:
                    self.missing.append(target)
                    continue
                replaced.append((owner, name, vars(owner)[name]))
                setattr(owner, name, self._wrap(vars(owner)[name], stage))
        try:
            yield
        finally:
            for owner, name, function in reversed(replaced):
                setattr(owner, name, function)

    def _wrap(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with _Timer(self, stage):
                result = function(*args, **kwargs)
            return _TimedContext(self, stage, result) if hasattr(type(result), "__exit__") else result

        return timed

    def enter(self) -> float:
        """Begin a function."""
        self._inner.append(0.0)
        return time.perf_counter()

    def leave(self, stage: str, started: float) -> None:
        """End a function."""
        whole = time.perf_counter() - started
        self.spent[stage] += whole - self._inner.pop()
        if self._inner:
            self._inner[-1] += whole


class _Timer:
    def __init__(self, stages: Stages, stage: str) -> None:
        self._stages, self._stage = stages, stage

    def __enter__(self) -> None:
        self._started = self._stages.enter()

    def __exit__(self, *exception: object) -> None:
        self._stages.leave(self._stage, self._started)


class _TimedContext:
    def __init__(self, stages: Stages, stage: str, context: Any) -> None:
        self._stages, self._stage, self._context = stages, stage, context

    def __enter__(self) -> Any:
        with _Timer(self._stages, self._stage):
            return self._context.__enter__()

    def __exit__(self, *exception: Any) -> Any:
        with _Timer(self._stages, self._stage):
            return self._context.__exit__(*exception)


def _find(target: str) -> tuple[Any, str]:
    module, _, attribute = target.partition(":")
    *path, name = attribute.split(".")
    try:
        owner: Any = importlib.import_module(module)
        for part in path:
            owner = getattr(owner, part)
    except (ImportError, AttributeError):
        return None, name
    return (owner, name) if name in vars(owner) else (None, name)
