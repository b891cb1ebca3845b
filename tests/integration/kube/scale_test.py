"""The benchmark of a large fleet (bench/fleet_numbers.py), a tenth of its size: what grows by a factor is seen here. Bounds
are for a machine that has much else to do; the goals, and figures of a quiet one, stand in bench/README.md."""
import os
import statistics

import api_server
import big_cluster
import fleet_numbers
import pytest

SIZE = fleet_numbers.Size(policies=100, pods_each=10, namespaces=5, idle_seconds=4, single_annotations=5, storm=20, wide=40, quiet=1.2, starts=1)


@pytest.fixture(scope="module")
def numbers(programs, tmp_path_factory):
    if why := api_server.missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("fleet")
    with big_cluster.BigCluster(folder, big_cluster.build_crowd(folder)) as cluster:
        found = fleet_numbers.Run(cluster, programs / "bin/sidestep-operator", SIZE).all()
    for goal in fleet_numbers.goals_of(found):
        print(f"{goal.what}: {goal.measured}")
    return found


def test_a_thousand_pods_need_little_memory_and_few_threads(numbers):
    if os.environ.get("SIDESTEP_SANITIZED"):
        pytest.skip("sanitizers cannot be measured for memory")
    assert max(numbers.memory.values()) < 48 * 1024, numbers.memory
    assert numbers.threads < 60, "a thread for each named ConfigMap would be a hundred"


def test_operator_is_ready_soon_beside_a_thousand_pods(numbers):
    assert max(numbers.ready) < 15, numbers.ready


def test_operator_that_has_nothing_to_do_does_nothing(numbers):
    assert numbers.idle_cores < 0.02, numbers.idle_cores
    assert numbers.idle_calls < 40, "sidecars at rest are asked in turn, never all at once"


def test_annotation_reaches_a_sidecar_soon_in_a_storm_too(numbers):
    assert statistics.median(numbers.annotate_idle) < 2, numbers.annotate_idle
    assert max(numbers.annotate_storm) < 15, numbers.annotate_storm


def test_hundred_config_maps_at_once_start_all_reloads_with_few_requests(numbers):
    assert numbers.changes_started < 40
    assert numbers.per_reload <= 16, numbers.requests
    assert numbers.per_touch <= 1.2, numbers.requests
    assert numbers.throttled == 0


def test_many_pods_take_three_steps_and_go_back_together(numbers):
    assert numbers.wide < 8 * numbers.single, (numbers.wide, numbers.single)
    for how, (spread, _) in numbers.back.items():
        assert spread < 3, (how, spread)
