"""Capture around a function that predicts, for serving code that speaks no HTTP: a batch job, a stream, a queue."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import iscoroutinefunction
from typing import ParamSpec, TypeVar, cast

import msgspec

from watchpost.capture.exchange import Exchange
from watchpost.capture.writer import CaptureWriter

P = ParamSpec("P")
R = TypeVar("R")


def capture_predictions(
    writer: CaptureWriter,
    *,
    inference_id: Callable[P, str | None] | None = None,
    input: Callable[P, object] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: each call's argument and result become a record, in JSON.

    What is captured is the first positional argument, or what `input` makes of the arguments. A mapping is one row; a
    data frame, an array or a list holds one row per element, and rows of both sides pair by position; bytes and texts
    are taken as CSV if they are no JSON. Values are copied before the function runs, which takes some microseconds.
    A call that raises is counted as incomplete. Works for functions and coroutine functions.

    Args: inference_id: given the call's arguments, the id that labels will be given under.
    """

    def begun(*args: P.args, **kwargs: P.kwargs) -> Exchange | None:
        try:
            exchange = writer.begin(inference_id(*args, **kwargs) if inference_id else None)
            if exchange is not None:
                asked = input(*args, **kwargs) if input else args[0] if args else dict(kwargs)
                exchange.input_type, body = _written(asked, "instances")
                exchange.add_question(body)
                exchange.asked = True
        except Exception:  # noqa: BLE001  the caller must never feel a fault of the capture; it is counted
            writer.count_fault()
            return None
        return exchange

    def ended(exchange: Exchange, result: object) -> None:
        try:
            exchange.output_type, body = _written(result, "predictions")
            exchange.add_answer(body)
            exchange.status = 200
            exchange.answered()
        except Exception:  # noqa: BLE001  as above
            exchange.failed()

    def decorated(predict: Callable[P, R]) -> Callable[P, R]:
        if iscoroutinefunction(predict):

            @wraps(predict)
            async def predict_async(*args: P.args, **kwargs: P.kwargs) -> object:
                exchange = begun(*args, **kwargs)
                if exchange is None:
                    return await predict(*args, **kwargs)
                try:
                    result = await predict(*args, **kwargs)
                    ended(exchange, result)
                finally:
                    exchange.ended()
                return result

            # A coroutine function for a coroutine function: that R is its awaitable, no signature can say.
            return cast("Callable[P, R]", predict_async)

        @wraps(predict)
        def predict_watched(*args: P.args, **kwargs: P.kwargs) -> R:
            exchange = begun(*args, **kwargs)
            if exchange is None:
                return predict(*args, **kwargs)
            try:
                result = predict(*args, **kwargs)
                ended(exchange, result)
            finally:
                exchange.ended()
            return result

        return predict_watched

    return decorated


def _written(value: object, rows: str) -> tuple[str, bytes]:
    """The content type and the body of a value. rows: the member that holds one element per row."""
    match value:
        case str() | bytes() | bytearray():
            body = value.encode() if isinstance(value, str) else bytes(value)
            kind = "application/json" if body.lstrip()[:1] in {b"{", b"["} else "text/csv"
            return kind, body
        case Mapping():
            return "application/json", msgspec.json.encode(dict(value), enc_hook=_plain)
    elements = _plain(value) if not isinstance(value, list | tuple | int | float | bool | None) else value
    many = elements if isinstance(elements, Sequence) and not isinstance(elements, str) else [elements]
    return "application/json", msgspec.json.encode({rows: many}, enc_hook=_plain)


def _plain(value: object) -> object:
    """A frame's rows, an array's elements, a scalar's number: by the methods that say so, without importing any."""
    for name, arguments in (("to_dicts", ()), ("to_dict", ("records",)), ("tolist", ()), ("to_list", ())):
        method = getattr(value, name, None)  # duck typing: polars, pandas, numpy and torch need not be installed
        if method is not None:
            try:
                return method(*arguments)
            except (TypeError, ValueError):
                continue
    raise NotImplementedError(f"{type(value).__name__} has no rows that are known here")
