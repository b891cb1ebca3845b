package main

import (
	"testing"
	"time"
)

func TestAddressesAreTheirOwnInverse(t *testing.T) {
	for _, i := range []int{0, 1, 249, 250, 62_499, 62_500, 199_999} {
		if back, ok := indexOf(address(i)); !ok || back != i {
			t.Errorf("pod %d has address %s, which is that of pod %d", i, address(i), back)
		}
	}
	if _, ok := indexOf("127.0.0.1"); ok {
		t.Error("127.0.0.1 is no pod's")
	}
}

func TestReloadOfOnePodFollowsTheProtocol(t *testing.T) {
	p := &pod{of: &workload{}, generation: 1}
	said := func(path string, body command) int {
		status, _ := p.command(path, body, 0)
		return status
	}
	if got := said("/v1/weight", command{Reload: "r"}); got != 409 {
		t.Errorf("a weight before any reload is answered %d", got)
	}
	if got := said("/v1/reload", command{ID: "r"}); got != 202 {
		t.Errorf("a reload is answered %d", got)
	}
	if got := said("/v1/reload", command{ID: "other"}); got != 409 {
		t.Errorf("a second reload is answered %d", got)
	}
	if got := said("/v1/promote", command{Reload: "r"}); got != 200 || p.generation != 2 || p.run.phase != "Succeeded" {
		t.Errorf("a promotion is answered %d: %+v", got, p.run)
	}
}

func TestCandidateIsJudgedOnceItIsReady(t *testing.T) {
	p := &pod{of: &workload{}, generation: 1}
	p.command("/v1/reload", command{ID: "r"}, time.Hour)
	if phase := p.status(time.Hour, 0)["reload"].(object)["phase"]; phase != "Starting" {
		t.Errorf("it is %s", phase)
	}
	if phase := p.status(0, 0)["reload"].(object)["phase"]; phase != "Judging" {
		t.Errorf("it is %s", phase)
	}
}
