"""What leaves the package as an exception shows no lead in any frame of ours."""

from __future__ import annotations

import traceback

import anyio
import anyio.lowlevel
import pytest

from fprom_middleware.frames import without_frames

CANARY = "canary@example.com"


@without_frames
def refuse(email: str) -> None:
    """Raise from something that has a frame of its own."""
    try:
        int(email)
    except ValueError as error:
        raise KeyError from error


@without_frames
async def refuse_async(email: str) -> None:
    """Do so after a wait."""
    await anyio.lowlevel.checkpoint()
    refuse(email)


@without_frames
def double(number: int, *, plus: int = 0) -> int:
    """Return something."""
    return 2 * number + plus


@without_frames
async def double_async(number: int) -> int:
    """Return something later."""
    await anyio.lowlevel.checkpoint()
    return 2 * number


def shown(error: BaseException) -> str:
    """Return all that a debug page prints of an exception, below the caller's own frame."""
    seen = error.__traceback__
    assert seen is not None
    own = traceback.TracebackException(
        type(error), error, seen.tb_next, capture_locals=True, compact=False
    )
    return "".join(own.format()) + repr([error.__cause__, error.__context__])


def test_a_function_s_frames_are_gone() -> None:
    """And those of what it was raised from."""
    with pytest.raises(KeyError) as caught:
        refuse(CANARY)
    assert "canary" not in shown(caught.value)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_function_s_frames_are_gone(backend: str) -> None:
    """On either loop; a cancellation passes as it is."""

    async def main() -> None:
        with pytest.raises(KeyError) as caught:
            await refuse_async(CANARY)
        assert "canary" not in shown(caught.value)
        assert await double_async(4) == 8
        with anyio.CancelScope() as scope:
            scope.cancel()
            await double_async(4)
        assert scope.cancelled_caught

    anyio.run(main, backend=backend)


def test_what_returns_is_as_it_was() -> None:
    """Arguments, result, name and words."""
    assert double(4, plus=1) == 9
    assert double.__name__ == "double"
    assert double.__doc__ == "Return something."
