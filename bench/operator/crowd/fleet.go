package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// fleet is everything that was made. `workloads` and `pods` grow while an order is carried out, which is one at a time, and
// are read by the sidecars' connections: hence the lock.
type fleet struct {
	api   *api
	port  int
	start time.Duration // until a candidate is ready
	keys  keys

	lock      sync.RWMutex
	workloads []*workload
	pods      []*pod

	calls    atomic.Int64 // of any kind
	commands atomic.Int64 // POST
	refusals atomic.Int64
	errors   atomic.Int64 // of 500 requests, that candidates have
}

// pod is one sidecar: the protocol of a managed reload, without an app behind it.
type pod struct {
	of    *workload
	index int
	name  string
	boot  string

	lock       sync.Mutex
	uid        string
	mounted    string // SHA-256 of what its one mounted file holds; empty: it mounts none
	generation int
	run        *run
}

type run struct {
	id, token, phase, reason string
	generation, weight       int
	began                    time.Time
}

// moments are when something was first seen since it was last asked about.
type moments struct {
	lock           sync.Mutex
	asked, command time.Time
}

func newFleet(a *api, port int, start time.Duration) *fleet {
	return &fleet{api: a, port: port, start: start, keys: keys{api: a}}
}

func (f *fleet) addPod(w *workload) *pod {
	boot := make([]byte, 16)
	_, _ = rand.Read(boot)
	f.lock.Lock()
	defer f.lock.Unlock()
	p := &pod{of: w, index: len(f.pods), name: fmt.Sprintf("%s-6d5f8c9b7-%05d", w.name, len(f.pods)), boot: hex.EncodeToString(boot), generation: 1}
	f.pods = append(f.pods, p)
	return p
}

// at returns the pod that has this address; nil when there is none.
func (f *fleet) at(ip string) *pod {
	index, ok := indexOf(ip)
	f.lock.RLock()
	defer f.lock.RUnlock()
	if !ok || index >= len(f.pods) {
		return nil
	}
	return f.pods[index]
}

func (p *pod) setUID(uid string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.uid = uid
}

// mount is what kubelets do: all pods of the workload see this content.
func (f *fleet) mount(w *workload, content string) {
	digest := sha256.Sum256([]byte(content))
	for _, p := range w.pods {
		p.lock.Lock()
		p.mounted = hex.EncodeToString(digest[:])
		p.lock.Unlock()
	}
}

func (m *moments) ask() {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.asked, m.command = time.Now(), time.Time{}
}

func (m *moments) commanded() {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.command.IsZero() {
		m.command = time.Now()
	}
}

// took is from the question to the first command, in seconds; negative: none has come.
func (m *moments) took() float64 {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.command.IsZero() || m.asked.IsZero() {
		return -1
	}
	return m.command.Sub(m.asked).Seconds()
}

// turn lets time have its effect. The lock is held.
func (p *pod) turn(start time.Duration) {
	if p.run != nil && p.run.phase == "Starting" && time.Since(p.run.began) >= start {
		p.run.phase = "Judging"
	}
}

func (p *pod) runs() bool {
	return p.run != nil && (p.run.phase == "Starting" || p.run.phase == "Judging")
}

// command obeys one; the answer is status and body.
func (p *pod) command(path string, body command, start time.Duration) (int, object) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.turn(start)
	if path == "/v1/policy" {
		return 200, object{}
	}
	if path == "/v1/reload" {
		if p.runs() && p.run.id != body.ID {
			return conflict("another reload runs")
		}
		if p.run == nil || p.run.id != body.ID {
			p.run = &run{id: body.ID, token: body.Token, phase: "Starting", generation: p.generation + 1, began: time.Now()}
		}
		return 202, object{"reload": body.ID}
	}
	if p.run == nil || p.run.id != body.Reload {
		return conflict("no such reload")
	}
	switch {
	case path == "/v1/weight" && p.run.phase != "Judging":
		return conflict("not in Judging")
	case path == "/v1/weight":
		p.run.weight = body.Weight
	case path == "/v1/promote" && p.run.phase == "Judging":
		p.generation, p.run.weight = p.run.generation, 10000
		p.run.phase, p.run.reason = "Succeeded", "Promoted"
	case path == "/v1/abort" && p.runs():
		p.run.phase, p.run.reason = "Aborted", "AbortedByUser"
	}
	return 200, object{}
}

func conflict(message string) (int, object) {
	return 409, object{"error": object{"kind": "conflict", "message": message}}
}

func (p *pod) status(start time.Duration, errors int64) object {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.turn(start)
	status := object{"version": "0.1.0", "bootId": p.boot, "podUid": p.uid, "phase": "Serving", "retiring": []object{},
		"active":    object{"generation": p.generation, "requests": 1000, "errors": 0},
		"candidate": nil, "reload": nil, "sources": []object{}}
	if p.mounted != "" {
		status["sources"] = []object{{"name": "ConfigMap/" + p.of.name, "keys": object{"app.yaml": p.mounted}}}
	}
	if p.run == nil {
		return status
	}
	run := object{"id": p.run.id, "token": p.run.token, "phase": p.run.phase, "reason": p.run.reason, "message": "",
		"generation": p.run.generation, "weightPerTenThousand": p.run.weight, "managed": true, "readyAt": "",
		"receipt": object{"requests": object{}, "held": 0, "retried": 0, "failed": 0}}
	if p.runs() {
		counts := object{"generation": p.run.generation, "requests": 500, "errors": errors}
		status["candidate"] = counts
		run["judged"] = object{"active": object{"requests": 500, "errors": 0}, "candidate": counts}
	}
	if p.run.phase != "Starting" {
		run["readyAt"] = "2026-11-23T09:30:00Z"
	}
	status["reload"] = run
	return status
}
