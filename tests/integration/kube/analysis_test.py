"""Verdicts by metrics of a real Prometheus, by webhooks and by the sidecars' latencies; pods' disruption budgets."""
import subprocess
import time

import pytest

import prometheus
from fleet import eventually

STEPS = [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 2}, {"pods": "100%", "pauseSeconds": 2}]


@pytest.fixture(scope="module")
def exporter():
    exporter = prometheus.Exporter(shop_error_ratio=0.001)
    yield exporter
    exporter.stop()


@pytest.fixture(scope="module")
def server(exporter, tmp_path_factory):
    if why := prometheus.missing():
        pytest.skip(why)
    server = prometheus.Prometheus(tmp_path_factory.mktemp("prometheus"), exporter)
    yield server
    server.stop()


@pytest.fixture
def good(exporter, server):
    """The exporter, whose metric is good and known to be."""
    exporter.gauges = {"shop_error_ratio": 0.001}
    server.wait_for("shop_error_ratio", 0.001)
    return exporter


@pytest.fixture
def webhook(stopping):
    return stopping(prometheus.Webhook())


def errors(server, query="max(shop_error_ratio)", **fields) -> dict:
    return {"name": "errors", "address": server.address, "query": query, "range": {"max": "0.01"}, "intervalSeconds": 1, **fields}


def asking(fleet, steps=STEPS, deadline=60, **analysis):
    rollout = {"steps": steps, "maxConcurrentPods": "100%", "progressDeadlineSeconds": deadline}
    return fleet(rollout=rollout, analysis={"minimumRequests": 1, **analysis})


def progress(shop, token: str = "t") -> tuple[str, str]:
    reload = next((r for r in shop.reloads() if r["spec"]["token"] == token), {})
    return next(((c["reason"], c["message"]) for c in (reload.get("status") or {}).get("conditions", [])
                 if c["type"] == "Progressing"), ("", ""))


def active(shop) -> set[int]:
    return {s.generation for s in shop.sidecars.values()}


def abort(shop) -> None:
    """One that ran on would keep a place of the budget in later tests: nothing empties the namespace here."""
    shop.api.kubectl("annotate", "reloads", "--all", "sidestep.dev/abort=true", "-n", shop.namespace)
    assert shop.ended("t")["status"]["endReason"] == "AbortedByUser"


def plugin(programs, shop, *arguments: str) -> str:
    done = subprocess.run([str(programs / "bin/kubectl-sidestep"), *arguments, f"--kubeconfig={shop.api.kubeconfig}", "-n", shop.namespace],
                          capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def test_a_metric_within_its_range_lets_the_reload_pass(start, fleet, server, good):
    start(f"--analysis-allow={server.address}")
    shop = asking(fleet, metrics=[errors(server)]).fill(checks=False)
    shop.annotate("t")
    status = shop.ended("t")["status"]
    assert (status["phase"], active(shop)) == ("Succeeded", {2})
    metric = status["metrics"][0]
    assert (metric["name"], metric["verdict"], metric["value"], metric["failures"]) == ("errors", "Good", "0.001", 0)
    assert metric["measurements"] >= 4, "two steps of two seconds, once a second"
    assert not any("metrics" in body.get("analysis", {}) for s in shop.sidecars.values() for body in s.told("/v1/policy"))


def test_a_metric_out_of_its_range_takes_all_pods_back_and_is_shown(start, fleet, server, good, programs):
    start(f"--analysis-allow={server.address}")
    shop = asking(fleet, [{"pods": "100%", "weightPerTenThousand": 500, "pauseSeconds": 3600}], metrics=[errors(server, failureLimit=1)])
    shop.fill(checks=False)
    shop.annotate("t")
    eventually(lambda: any(m["verdict"] == "Good" for r in shop.reloads() for m in (r.get("status") or {}).get("metrics", [])),
               what="nothing was measured")
    assert "metric errors is 0.001, Good" in plugin(programs, shop, "why", "shop")
    good.gauges["shop_error_ratio"] = 0.31
    reload = shop.ended("t")
    status = reload["status"]
    assert (status["phase"], status["endReason"]) == ("Failed", "MetricFailed")
    assert status["endMessage"] == "metric errors: 0.31 is above 0.01 (2 failures, 1 tolerated)"
    assert active(shop) == {1}
    eventually(lambda: all(s.run["phase"] == "Aborted" for s in shop.sidecars.values()), what="a candidate is left")
    shown = plugin(programs, shop, "why", reload["metadata"]["name"])
    assert "metric errors is 0.31, Bad: 0.31 is above 0.01" in shown
    assert "metric errors is 0.31, Bad" in plugin(programs, shop, "status", "shop")


def test_no_data_holds_the_reload_until_there_is_some(start, fleet, server, good):
    start(f"--analysis-allow={server.address}")
    shop = asking(fleet, metrics=[errors(server, "late_metric")]).fill(checks=False)
    shop.annotate("t")
    eventually(lambda: progress(shop)[0] == "MetricNoData", what="it does not say that there is no data")
    assert "the query gives nothing" in progress(shop)[1]
    good.gauges["late_metric"] = 0.002
    assert shop.ended("t")["status"]["phase"] == "Succeeded"


def test_no_data_until_the_deadline_is_a_verdict_of_its_own(start, fleet, server, good):
    start(f"--analysis-allow={server.address}")
    shop = asking(fleet, deadline=4, metrics=[errors(server, "no_such_metric")]).fill(checks=False)
    shop.annotate("t")
    status = shop.ended("t")["status"]
    assert (status["phase"], status["endReason"]) == ("Failed", "MetricNoData")
    assert active(shop) == {1}


def test_queries_that_give_no_one_number_say_what_they_give(start, fleet, server, good):
    start(f"--analysis-allow={server.address}")
    for query, says in (("sum(", "parse error"), ("{__name__=~'shop_.*|up'}", "gives 2 series; aggregate them")):
        shop = asking(fleet, metrics=[errors(server, query)]).fill(checks=False)
        shop.annotate("t")
        eventually(lambda: says in progress(shop)[1], what=f"it does not say {says}")
        abort(shop)


def test_an_address_that_is_not_allowed_is_never_called_and_the_condition_names_the_flag(start, fleet, server, good, programs):
    start("--analysis-allow=prometheus.elsewhere")
    shop = asking(fleet, metrics=[errors(server)]).fill(checks=False)
    shop.annotate("t")
    eventually(lambda: progress(shop)[0] == "AddressNotAllowed", what="it is not refused")
    condition = next(c for c in shop.policy()["status"]["conditions"] if c["type"] == "AnalysisAllowed")
    assert condition["status"] == "False" and f"--analysis-allow={server.address}" in condition["message"]
    assert "AddressNotAllowed" in plugin(programs, shop, "why", "shop")
    assert not any(s.told("/v1/reload") for s in shop.sidecars.values())
    abort(shop)


def test_redirects_are_not_followed_and_an_answer_that_is_too_long_is_no_data(start, fleet, good, stopping):
    """An allowed server must not be a way to one that is not."""
    called = []
    inside = stopping(prometheus.Server(lambda method, path, body: called.append(path) or (200, "{}")))
    answers = {"away": (302, "", {"Location": f"http://{inside.address}/secret"}), "long": (200, '"' + "x" * 200_000 + '"')}
    outside = stopping(prometheus.Server(lambda method, path, body: answers[path.rpartition("=")[2]]))
    start(f"--analysis-allow={outside.address}")
    for query, says in (("away", "status 302"), ("long", "longer than 65536 bytes")):
        shop = asking(fleet, metrics=[{"name": "errors", "address": f"http://{outside.address}", "query": query, "range": {"max": 1}}])
        shop.fill(checks=False)
        shop.annotate("t")
        eventually(lambda: says in progress(shop)[1], what=f"it does not say {says}")
        abort(shop)
    assert called == []


@pytest.fixture
def guarded(tmp_path, stopping):
    return stopping(prometheus.Guarded(tmp_path, "first-token"))


def test_a_server_with_its_own_authority_gets_its_token_and_no_other_server_does(start, fleet, guarded, stopping, tmp_path):
    """The other one is named by the policy's author, who may choose among what is allowed; so are webhooks, and ways out by a redirect."""
    other = stopping(prometheus.Server(lambda *_: (401, "{}")))
    token = tmp_path / "token"
    token.write_text("first-token\n")
    start(f"--analysis-allow={guarded.address},{other.address}", f"--analysis-token-file=https://{guarded.address}={token}",
          f"--analysis-ca-file={guarded.authority}")
    metric = {"query": "up", "range": {"max": 1}, "intervalSeconds": 1}
    here = {"name": "here", "address": f"https://{guarded.address}", **metric}
    shop = asking(fleet, metrics=[here]).fill(checks=False)
    shop.annotate("t")
    assert shop.ended("t")["status"]["phase"] == "Succeeded"
    guarded.token = "second-token"
    token.write_text("second-token\n")
    shop.annotate("u")
    assert shop.ended("u")["status"]["phase"] == "Succeeded", "a token that was exchanged is not read again"
    hook = {"name": "hook", "url": f"https://{guarded.address}/admin", "when": "BeforeStart"}
    stray = asking(fleet, metrics=[{"name": "there", "address": f"http://{other.address}", **metric}]).fill(checks=False)
    stray.annotate("t")
    eventually(lambda: other.authorizations, what="the other server was not asked")
    assert set(other.authorizations) == {None}
    guarded.authorizations.clear()
    hooked = asking(fleet, webhooks=[hook]).fill(checks=False)
    hooked.annotate("t")
    assert hooked.ended("t")["status"]["endReason"] == "WebhookFailed"
    assert set(guarded.authorizations) == {None}
    abort(stray)


def test_a_token_does_not_follow_a_redirect(start, fleet, stopping, tmp_path):
    inside = stopping(prometheus.Server(lambda *_: (200, "{}")))
    outside = stopping(prometheus.Server(lambda *_: (302, "", {"Location": f"http://{inside.address}/"})))
    (tmp_path / "token").write_text("secret")
    start(f"--analysis-allow={outside.address},{inside.address}", f"--analysis-token-file=http://{outside.address}={tmp_path}/token")
    shop = asking(fleet, metrics=[{"name": "errors", "address": f"http://{outside.address}", "query": "up", "range": {"max": 1}}])
    shop.fill(checks=False)
    shop.annotate("t")
    eventually(lambda: "status 302" in progress(shop)[1], what="it does not say what the server answered")
    abort(shop)
    assert set(outside.authorizations) == {"Bearer secret"} and inside.authorizations == []


def test_a_server_of_an_unknown_authority_gets_nothing(start, fleet, guarded, tmp_path):
    (tmp_path / "token").write_text("first-token")
    start(f"--analysis-allow={guarded.address}", f"--analysis-token-file=https://{guarded.address}={tmp_path}/token")
    shop = asking(fleet, metrics=[{"name": "errors", "address": f"https://{guarded.address}", "query": "up", "range": {"max": 1}}])
    shop.fill(checks=False)
    shop.annotate("t")
    eventually(lambda: "certificate" in progress(shop)[1], what=f"it does not name the certificate: {progress(shop)}")
    abort(shop)
    assert guarded.authorizations == []


@pytest.mark.parametrize("flag, says", [
    ("--analysis-token-file=https://p", "--analysis-token-file: https://p is not ADDRESS=FILE; write for instance"),
    ("--analysis-token-file=https://p=/no/such", "cannot be read from /no/such; name a file that holds the token alone"),
    ("--analysis-ca-file=/no/such", "--analysis-ca-file: /no/such cannot be read; name a PEM file of certificates")])
def test_mistakes_in_flags_of_analysis_are_named_with_their_fix_at_the_start(programs, flag, says):
    done = subprocess.run([programs / "bin/sidestep-operator", flag], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and says in done.stderr + done.stdout, done.stderr + done.stdout


def test_a_server_that_hangs_holds_up_no_other_policy(start, fleet, server, good):
    start(f"--analysis-allow={server.address}", "--workers=1")
    hung = [asking(fleet, metrics=[errors(server)]).fill(checks=False) for _ in range(3)]
    other = fleet(rollout={"steps": STEPS, "maxConcurrentPods": "100%"}).fill(checks=False)
    server.pause()
    try:
        for shop in hung:
            shop.annotate("t")
        eventually(lambda: all(progress(shop)[0] == "Measuring" for shop in hung), what="nothing is being measured")
        began = time.monotonic()
        other.annotate("t")
        assert other.ended("t")["status"]["phase"] == "Succeeded"
        took = time.monotonic() - began
        print(f"a reload beside three whose server hangs took {took:.1f} s")
        assert took < 15
    finally:
        server.resume()
    assert all(shop.ended("t")["status"]["phase"] == "Succeeded" for shop in hung)


def test_an_operator_killed_in_the_middle_counts_no_measurement_twice(start, fleet, server, good):
    first = start(f"--analysis-allow={server.address}")
    shop = asking(fleet, [{"pods": "100%", "pauseSeconds": 3600}], metrics=[errors(server, "shop_error_ratio + 1", failureLimit=3)])
    shop.fill(checks=False)
    shop.annotate("t")
    eventually(lambda: any(m["failures"] >= 1 for r in shop.reloads() for m in (r.get("status") or {}).get("metrics", [])),
               what="nothing was measured")
    first.kill()
    start(f"--analysis-allow={server.address}")
    metric = shop.ended("t")["status"]["metrics"][0]
    assert (metric["failures"], metric["measurements"]) == (4, 4)


def test_webhooks_are_told_of_the_reload_at_their_time_and_let_it_pass(start, fleet, webhook):
    start(f"--analysis-allow={webhook.address}")
    hooks = [{"name": when.lower(), "url": f"http://{webhook.address}/{when}?team=a", "when": when} for when in ("BeforeStart", "EachStep", "Promote")]
    shop = asking(fleet, [{"pods": 1, "weightPerTenThousand": 500, "pauseSeconds": 1}, {"pods": "100%"}], webhooks=hooks).fill(checks=False)
    shop.annotate("t")
    reload = shop.ended("t")
    assert reload["status"]["phase"] == "Succeeded", reload["status"]
    assert [c["path"] for c in webhook.calls] == [f"/{w}?team=a" for w in ("BeforeStart", "EachStep", "EachStep", "Promote")]
    assert {(c["method"], c["namespace"], c["policy"], c["reload"]) for c in webhook.calls} == {
        ("POST", shop.namespace, "shop", reload["metadata"]["name"])}
    assert [c["step"] for c in webhook.calls][1:] == [1, 2, 2]
    assert len({c["id"] for c in webhook.calls}) == 4


def test_a_webhook_that_says_no_ends_the_reload_with_its_reason(start, fleet, webhook):
    start(f"--analysis-allow={webhook.address}")
    webhook.status, webhook.reason = 403, "smoke test 7 is red"
    hooks = [{"name": "smoke", "url": f"http://{webhook.address}/", "when": "Promote"}]
    shop = asking(fleet, [{"pods": "100%"}], webhooks=hooks).fill(checks=False)
    shop.annotate("t")
    status = shop.ended("t")["status"]
    assert (status["phase"], status["endReason"]) == ("Failed", "WebhookFailed")
    assert "webhook smoke: status 403: smoke test 7 is red" in status["endMessage"]
    assert active(shop) == {1}


def test_answers_that_take_too_long_take_all_pods_back(start, fleet):
    start()
    shop = asking(fleet, [{"pods": "100%", "weightPerTenThousand": 5000, "pauseSeconds": 3600}], maxLatencyIncreasePercent=50)
    shop.fill(checks=False)
    for sidecar in shop.sidecars.values():
        sidecar.latency = {"active": {"sumMicros": 500 * 9_000, "buckets": [0] * 6 + [500]},
                           "candidate": {"sumMicros": 500 * 10_000, "buckets": [0] * 6 + [500]}}
    shop.annotate("t")
    eventually(lambda: sum(bool(s.run and s.run["phase"] == "Judging") for s in shop.sidecars.values()) == 3, what="no candidates")
    time.sleep(2)
    assert shop.phase("t") == "Progressing", "a ninth more is within the limit"
    for sidecar in shop.sidecars.values():
        sidecar.latency["candidate"] = {"sumMicros": 500 * 40_000, "buckets": [0] * 8 + [500]}
    status = shop.ended("t")["status"]
    assert (status["phase"], status["endReason"]) == ("Failed", "Latency")
    assert "answers take 40.0 ms, active's 9.0 ms; the limit is 50 % above active" in status["endMessage"]


def set_budget(shop, allowed: int) -> None:
    """What its controller would write."""
    path = f"/apis/policy/v1/namespaces/{shop.namespace}/poddisruptionbudgets/shop-pdb"
    generation = shop.api.call("GET", path)["metadata"]["generation"]
    shop.api.merge(f"{path}/status", {"status": {"observedGeneration": generation, "disruptionsAllowed": allowed, "currentHealthy": 4,
                                                 "desiredHealthy": 4 - allowed, "expectedPods": 4}})


def test_a_hold_never_breaks_the_pods_disruption_budget_and_names_it_while_it_waits(start, fleet):
    start()
    shop = fleet(count=4, strategy={"type": "Hold"}, rollout={"steps": [{"pods": "100%"}], "maxConcurrentPods": "100%"}).fill(checks=False)
    for sidecar in shop.sidecars.values():
        sidecar.promotes_itself = True
    shop.api.call("POST", f"/apis/policy/v1/namespaces/{shop.namespace}/poddisruptionbudgets", {
        "metadata": {"name": "shop-pdb"}, "spec": {"maxUnavailable": 2, "selector": {"matchLabels": {"app": "shop"}}}})
    time.sleep(1)  # until the operator's watch has it: nobody else reads its status
    shop.annotate("t")
    eventually(lambda: progress(shop)[0] == "DisruptionBudget", what="it does not wait for the budget")
    assert "PodDisruptionBudget shop-pdb is not up to date" in progress(shop)[1]
    set_budget(shop, 0)
    eventually(lambda: "shop-pdb lets no further pod be unavailable" in progress(shop)[1], what="it does not name the budget")
    assert not any(s.told("/v1/reload") for s in shop.sidecars.values())
    set_budget(shop, 2)
    most = 0

    def is_over() -> bool:
        nonlocal most
        most = max(most, sum(bool(s.run and s.run["phase"] == "Starting") for s in shop.sidecars.values()))
        return shop.phase("t") == "Succeeded"
    eventually(is_over, 60, "the reload did not end")
    assert most == 2 and active(shop) == {2}
