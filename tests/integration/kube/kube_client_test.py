"""Runs lib/k8s' own tests (kube_client_test.cc) against the real API server."""
import os
import subprocess


def run(api, programs, names: str) -> None:
    done = subprocess.run([programs / "tests/kube_client_test", f"--gtest_filter={names}"], capture_output=True,
                          text=True, timeout=120, env={**os.environ, "KUBECONFIG": str(api.kubeconfig)})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "PASSED" in done.stdout and "SKIPPED" not in done.stdout and " 0 tests" not in done.stdout


def test_client_watch_lease_and_events_against_a_real_api_server(api, programs):
    run(api, programs, "*-*TooOld*")


def test_version_from_before_the_server_restarted_is_gone(api, programs):
    api.restart_api()
    run(api, programs, "*TooOld*")
