"""gRPC as users use it, through reloads, with Go's own server and client."""
import time

RELOADS = 3


def each_once(service):
    executions = service.executions()
    return len(executions) == len(set(executions))


def test_calls_of_every_kind_pass(service):
    s = service()
    seen = s.client("kinds").end()
    assert seen["unary"] == "1:hello"
    assert seen["trailer"] == "there"
    assert seen["large"] == str(3_000_000 + len("1:"))
    assert seen["trailers-only"] == "NotFound: as asked"
    assert seen["unavailable"] == "Unavailable: as asked"
    has_deadline, left = seen["deadline passes"].split()
    assert has_deadline == "true" and 0 < int(left) <= 20_000
    assert seen["deadline"].startswith("DeadlineExceeded")
    assert seen["client stream"] == "1:2000000"
    assert seen["server stream"] == "2000"
    assert seen["cancelled stream"] == ""
    s.eventually(lambda: sorted(s.cancelled.read_text().split()) == ["chat", "slow"], "the app hears of both cancels")


def test_reloads_under_unary_load_lose_nothing_and_execute_nothing_twice(service):
    s = service()
    load = s.client("unary")
    s.eventually(lambda: s.executed.exists() and len(s.executions()) > 50, "calls come in")
    for _ in range(RELOADS):
        s.reload()
    seen = load.end()
    assert seen["Failed"] == {}, seen
    assert len(seen["By"]) >= 2 and str(RELOADS + 1) in seen["By"], seen["By"]
    assert each_once(s)


def test_open_streams_stay_with_their_generation_and_end_as_their_clients_wish(service):
    s = service()
    load = s.client("streams", "-n", 50)
    assert load.line() == "open"
    s.reload()
    later = s.client("unary", "-conns", 1, "-workers", 1)
    s.eventually(lambda: s.executed.exists() and len(s.executions()) > 5, "calls come in")
    assert later.end()["By"].keys() == {"2"}
    seen = load.end()
    assert seen["Failed"] == {} and seen["By"] == {"1": 50}, seen


def test_streams_are_told_by_unavailable_where_the_policy_closes_them(service):
    s = service(policy={"drain": {"webSocket": {"policy": "CloseWith", "closeCode": 1012}}})
    load = s.client("streams", "-n", 20)
    assert load.line() == "open"
    s.reload()
    seen = load.end()
    assert seen["Failed"] == {"Unavailable": 20}, seen
    assert "the app is being replaced" in seen["First"]


def test_an_app_that_sends_goaway_all_the_time_costs_no_call(service):
    s = service("--max-age", "200ms", "--max-streams", "4")
    load = s.client("unary")
    time.sleep(2)  # a span, in which the app says GOAWAY some ten times on each connection
    seen = load.end()
    assert seen["Failed"] == {}, seen
    assert seen["OK"] > 50 and each_once(s)
