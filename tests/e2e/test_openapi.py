"""The HTTP interface as `/openapi.json` describes it, fuzzed by schemathesis on a real server.

Every operation gets requests that fit its description and requests that don't; what it answers
must be described. `--hypothesis-seed` of pytest varies them, else they are the same every time.
"""

import asyncio
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from server.app import create_app
from server.control import read_control
from server.problems import MEDIA_TYPE
from server.settings import Settings
from tests.bystander import Bystander
from tests.e2e.conftest import Launch
from tests.process import ServerProcess

DESCRIPTION = create_app(Settings(data=Path("never-opened"))).openapi()
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
OPERATIONS = {
    f"{found.method.upper()} {found.path}": found
    for found in (cast("Any", each).ok() for each in SCHEMA.get_all_operations())
}
ADMINISTRATION = [name for name in OPERATIONS if "/api/admin/" in name]
EXAMPLES = 20
HOME: dict[str, Any] = {
    "canvas": "main",
    "size": 256,
    "z": 0,
    "x": 0,
    "y": 0,
    "x0": 10,
    "y0": 10,
    "x1": 20,
    "y1": 20,
    "scale": "1",
}
"""Parameters of what is there."""
load_all_checks()
NAMES = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
CONFORMANCE = CHECKS.get_by_names(list(NAMES))
SURROUNDINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests; a canvas for its requests to hit is there."""
    return launch("--width", "300", "--height", "200")


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> str:
    """Its administrator's token."""
    return read_control(server.folder / "data").token


class Bearer(AuthBase):
    """Says a token with each request."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request, with the token."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def held(operation: Any, server: ServerProcess, bearer: Bearer | None = None) -> set[int]:
    """Hold an operation to its description; the statuses that it answered."""
    answered: set[int] = set()
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    with requests.Session() as session:
        session.auth = bearer  # over what schemathesis makes up

        @SURROUNDINGS
        @given(case=st.one_of(modes), at_home=st.booleans())
        def hold(case: Any, at_home: bool) -> None:
            if at_home:
                for parameters in (case.path_parameters, case.query):
                    known = HOME.keys() & parameters.keys()
                    parameters.update({name: HOME[name] for name in known})
            response = case.call(base_url=server.http, session=session, timeout=20)
            case.validate_response(response, checks=CONFORMANCE)
            answered.add(response.status_code)
            check_answer(response)

        hold()
    return answered


def check_answer(response: Any) -> None:
    """What holds for every answer: no failure of the server's, and errors are problems."""
    status = response.status_code
    kind = response.headers.get("content-type", [""])[0]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        assert status == HTTPStatus.SERVICE_UNAVAILABLE, response.content
        assert "retry-after" in response.headers
    if status >= HTTPStatus.BAD_REQUEST:
        assert kind == MEDIA_TYPE
        assert json.loads(response.content)["status"] == status


def test_the_description_is_served(server: ServerProcess) -> None:
    """HTTP-11: `/openapi.json` is the description that the tests go by."""
    assert json.loads(server.get("/openapi.json")) == DESCRIPTION


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ADMINISTRATION])
def test_an_operation(server: ServerProcess, name: str) -> None:
    """HTTP-11, HTTP-5: whatever is asked, the answer is one that is described."""
    assert HTTPStatus.OK in held(OPERATIONS[name], server)


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_administration_with_the_token(server: ServerProcess, token: str, name: str) -> None:
    """HTTP-11, HTTP-5: likewise for who may; nobody is told to bring a token."""
    answered = held(OPERATIONS[name], server, Bearer(token))
    assert HTTPStatus.UNAUTHORIZED not in answered
    assert answered & {HTTPStatus.OK, HTTPStatus.CREATED}


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_administration_without(server: ServerProcess, name: str) -> None:
    """HTTP-11: without the token it is 401, whatever else is asked."""
    assert held(OPERATIONS[name], server) == {HTTPStatus.UNAUTHORIZED}
    assert held(OPERATIONS[name], server, Bearer("x")) == {HTTPStatus.UNAUTHORIZED}


@pytest.mark.parametrize("name", OPERATIONS)
def test_other_methods(server: ServerProcess, name: str) -> None:
    """HTTP-11: a method that isn't described is 405 and tells which are, or a preflight's 204."""
    operation = OPERATIONS[name]
    path = operation.path.format_map(HOME)
    described = {method.upper() for method in DESCRIPTION["paths"][operation.path]}
    possible = described | {"HEAD"}
    if requests.options(server.http + path, timeout=20).status_code == HTTPStatus.NO_CONTENT:
        possible.add("OPTIONS")
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"):
        if method in described:
            continue
        answer = requests.request(method, server.http + path, timeout=20)
        assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert set(answer.headers["allow"].split(", ")) <= possible
        assert ("OPTIONS" in answer.headers["allow"]) == ("OPTIONS" in possible)


def test_painting_goes_on(server: ServerProcess, token: str) -> None:
    """SES-8: after all of it, and once the canvas is as it was, people paint."""
    answer = requests.patch(
        f"{server.http}/api/admin/canvases/main",
        json={"frozen": False, "palette": None},
        auth=Bearer(token),
        timeout=20,
    )
    assert answer.json()["palette"] is None

    async def paint() -> None:
        async with Bystander(server.ws()):
            pass

    asyncio.run(paint())
    server.assert_log_clean()
