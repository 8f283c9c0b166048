"""Problems as answers to upgrades as well as to requests, and the one for what isn't there."""

from starlette.types import Receive, Scope, Send

from server import problems


async def refuse(problem: problems.Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem; an upgrade by the ASGI extension ``websocket.http.response``."""
    if scope["type"] == "websocket":
        await receive()
    response = problems.answer(problem.status, problem.detail, problem.headers)
    await response(scope, receive, send)


async def nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every path that is nobody's."""
    await refuse(problems.NotFound("There is nothing at this path."), scope, receive, send)
