"""docs/api/control.openapi.yaml against a running program: every path, method, documented answer and required field."""
import pytest
from running import APP
from schema import DOCUMENT, check, mistakes, resolve

CALLS = [(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item]
BODIES = {"/v1/weight": {"reload": "none", "weightPerTenThousand": 1}, "/v1/policy": {"hold": {"maxRequests": 7}}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    import running
    one = running.Running(tmp_path_factory.mktemp("shared"))
    yield one
    one.stop()


@pytest.mark.parametrize("method,path", [c for c in CALLS if c[1] not in ("/reload", "/v1/reload", "/v1/pod-ending")])
def test_call_through_the_unix_socket_answers_as_documented(shared, method, path):
    answer = check(method, path, shared.call(method, path, BODIES.get(path)))
    assert answer.headers["Sidestep-Boot"] == shared.status()["bootId"] != ""


@pytest.mark.parametrize("method,path", CALLS)
def test_call_over_tcp_answers_as_documented(shared, method, path):
    answer = check(method, path, shared.call(method, path, BODIES.get(path), over_tcp=True))
    is_open = DOCUMENT["paths"][path][method.lower()].get("security") == []
    assert answer.status in ((200, 503) if is_open else (401, 403))


@pytest.mark.parametrize("path", ["/v1/reload", "/v1/weight", "/v1/promote", "/v1/abort", "/v1/pause", "/v1/resume"])
def test_unknown_field_in_a_body_is_invalid(shared, path):
    answer = check("POST", path, shared.call("POST", path, {"mood": 1}))
    assert answer.status == 400 and "mood" in answer.json()["error"]["message"]


def test_undocumented_paths_and_methods_are_refused(shared):
    assert shared.call("GET", "/v1/nothing").status == 404
    for method, path in CALLS:
        other = "POST" if method == "GET" else "GET"
        assert shared.call(other, path).status == 405, path
    assert shared.call("DELETE", "/v1/status").status == 405


def test_required_fields_of_bodies_are_required(shared):
    for path, item in DOCUMENT["paths"].items():
        if "post" not in item or "requestBody" not in item["post"]:
            continue
        schema = resolve(item["post"]["requestBody"]["content"]["application/json"]["schema"])
        for name in schema.get("required", []):
            body = {k: v for k, v in BODIES[path].items() if k != name}
            assert check("POST", path, shared.call("POST", path, body)).status == 400, (path, name)


def test_reload_from_begin_to_end_answers_as_documented(start):
    one = start()
    begun = check("POST", "/v1/reload", one.call("POST", "/v1/reload", {"id": "r-1", "reason": "test"}))
    assert begun.status == 202 and begun.json() == {"reload": "r-1"}
    assert one.call("POST", "/v1/reload", {"id": "r-1"}).json() == {"reload": "r-1"}, "the same id starts nothing"
    ended = check("GET", "/v1/status", one.call("GET", "/v1/status?wait=60&reload=r-1")).json()
    assert ended["reload"]["phase"] == "Succeeded"
    assert ended["active"]["generation"] == 2
    assert check("GET", "/v1/status", one.call("GET", "/v1/status?reload=r-9")).status == 404
    assert check("GET", "/v1/status", one.call("GET", "/v1/status?wait=soon")).status == 400
    check("GET", "/v1/why", one.call("GET", "/v1/why"))


def test_second_reload_while_one_starts_is_a_conflict(start):
    one = start()
    slow = [*APP, "--start-delay", "5"]
    assert one.call("POST", "/v1/reload", {"id": "slow", "command": slow}).status == 202
    answer = check("POST", "/v1/reload", one.call("POST", "/v1/reload", {"id": "other"}))
    assert answer.status == 409 and answer.json()["error"]["kind"] == "conflict"
    assert check("POST", "/v1/abort", one.call("POST", "/v1/abort", {"reload": "slow"})).status == 200


def test_the_checker_itself_finds_mistakes():
    status = {"$ref": "#/components/schemas/Failure"}
    assert mistakes({"error": {"kind": "invalid", "message": "x"}}, status) == []
    for wrong in ({}, {"error": {"kind": "odd", "message": "x"}}, {"error": {"kind": "invalid"}}, {"error": 1},
                  {"error": {"kind": "invalid", "message": "x", "more": 1}}, {"error": {"kind": "invalid", "message": True}}):
        assert mistakes(wrong, status) != [], wrong
