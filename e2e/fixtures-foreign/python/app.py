"""An app in Python: greets at `/` and sends a body back at `/echo`."""

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports.streams import InputStream, OutputStream, StreamError_Closed
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    Method_Get,
    Method_Post,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)

# The most that one call of `blocking-write-and-flush` takes, in bytes.
CHUNK = 4096


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path = (request.path_with_query() or "/").partition("?")[0]
        match request.method(), path:
            case Method_Get(), "/":
                answer(response_out, 200, b"hello from python\n")
            case Method_Post(), "/echo":
                echo(request, response_out)
            case _:
                answer(response_out, 404, b"not found\n")


def answer(response_out: ResponseOutparam, status: int, text: bytes) -> None:
    body = begin(response_out, status, "text/plain; charset=utf-8")
    with body.write() as output:
        output.blocking_write_and_flush(text)
    OutgoingBody.finish(body, None)


def echo(request: IncomingRequest, response_out: ResponseOutparam) -> None:
    body = begin(response_out, 200, "application/octet-stream")
    with request.consume() as incoming:
        with incoming.stream() as source, body.write() as output:
            copy(source, output)
    OutgoingBody.finish(body, None)


def begin(response_out: ResponseOutparam, status: int, content_type: str) -> OutgoingBody:
    headers = Fields()
    headers.set("content-type", [content_type.encode()])
    response = OutgoingResponse(headers)
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    return body


def copy(source: InputStream, output: OutputStream) -> None:
    while True:
        try:
            chunk = source.blocking_read(CHUNK)
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                return
            raise
        output.blocking_write_and_flush(chunk)
