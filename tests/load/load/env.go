package load

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sidestep.dev/tests/load/tally"
)

// Env is what all clients of a run share.
type Env struct {
	Target   string // HOST:PORT or unix:PATH
	Host     string // of the Host header
	Check    Check
	Orders   *tally.Orders
	Recorder *tally.Recorder

	stopping chan struct{}
	running  sync.WaitGroup
	underWay atomic.Int64
	mutex    sync.Mutex
	clients  []*tally.Client // guarded by mutex
	same     sameBodies
}

// Start lets the clients of all classes go; they run until Stop.
func (e *Env) Start(specs []Spec) {
	e.stopping = make(chan struct{})
	e.same.bodies = map[string][]byte{}
	for _, spec := range specs {
		kinds[spec.Kind].start(e, spec)
	}
}

// Stop lets each client finish its request and returns when all have, or after limit with false.
func (e *Env) Stop(limit time.Duration) bool {
	close(e.stopping)
	done := make(chan struct{})
	go func() { e.running.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// UnderWay counts the clients that have not ended yet.
func (e *Env) UnderWay() int { return int(e.underWay.Load()) }

// Clients are those whose gaps are followed.
func (e *Env) Clients() []*tally.Client {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return append([]*tally.Client{}, e.clients...)
}

func (e *Env) class(spec Spec) *tally.Class {
	return e.Recorder.Class(spec.Name, kinds[spec.Kind].isStream)
}

func (e *Env) client(class *tally.Class, name string, number int) *tally.Client {
	client := class.Client(fmt.Sprintf("%s-%d", name, number))
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.clients = append(e.clients, client)
	return client
}

func (e *Env) launch(run func()) {
	e.running.Add(1)
	e.underWay.Add(1)
	go func() {
		defer e.running.Done()
		defer e.underWay.Add(-1)
		run()
	}()
}

func (e *Env) isStopping() bool {
	select {
	case <-e.stopping:
		return true
	default:
		return false
	}
}

// wait returns false when the run ends meanwhile.
func (e *Env) wait(pause time.Duration) bool {
	if pause <= 0 {
		return !e.isStopping()
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-e.stopping:
		return false
	case <-timer.C:
		return true
	}
}
