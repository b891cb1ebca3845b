package load

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"sidestep.dev/tests/load/tally"
)

const (
	maxFreshOpen = 2000    // new connections under way; beyond it a turn is not sent
	maxQueued    = 1 << 16 // planned requests that wait for a free connection
)

// pace calls emit at planned times until the run ends, each with the time it was planned for. It sleeps in
// the kernel on a thread of its own, since timers of the Go runtime are a millisecond coarse.
func pace(env *Env, perSecond float64, emit func(due time.Time)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	for n := 0; !env.isStopping(); n++ {
		due := start.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
		for wait := time.Until(due); wait > 0; wait = time.Until(due) {
			wait = min(wait, 100*time.Millisecond) // so that Stop is noticed
			spec := syscall.NsecToTimespec(wait.Nanoseconds())
			_ = syscall.Nanosleep(&spec, nil)
			if env.isStopping() {
				return
			}
		}
		emit(due)
	}
}

// startFresh: a new connection for every request.
func startFresh(env *Env, spec Spec) {
	client := env.client(env.class(spec), spec.Name, 0)
	var open, number atomic.Int64
	env.launch(func() {
		pace(env, spec.PerSecond, func(due time.Time) {
			if open.Load() >= maxFreshOpen {
				client.Count(func(stats *tally.Stats) { stats.NotSent++ })
				return
			}
			open.Add(1)
			env.launch(func() {
				defer open.Add(-1)
				s := &session{env: env, client: client, timeout: spec.timeout()}
				defer s.drop()
				p := newPage(env, spec, fmt.Sprintf("%s%s-%d", env.Orders.Prefix(), spec.Name, number.Add(1)))
				p.close = true
				p.once(s, due)
			})
		})
	})
}

// startRate: requests at a constant rate over kept connections. Whatever a request waits, for the connection
// too, is part of its latency, so a stall counts for every request that it delayed.
func startRate(env *Env, spec Spec) {
	class := env.class(spec)
	queue := make(chan time.Time, maxQueued)
	for i := range spec.Clients {
		client := env.client(class, spec.Name, i)
		p := newPage(env, spec, fmt.Sprintf("%s%s-%d", env.Orders.Prefix(), spec.Name, i))
		s := &session{env: env, client: client, timeout: spec.timeout()}
		env.launch(func() {
			defer s.leave()
			for due := range queue {
				if env.isStopping() {
					continue
				}
				p.once(s, due)
			}
		})
	}
	counter := env.client(class, spec.Name+"-queue", 0)
	env.launch(func() {
		defer close(queue)
		pace(env, spec.PerSecond, func(due time.Time) {
			select {
			case queue <- due:
			default:
				counter.Count(func(stats *tally.Stats) { stats.NotSent++ })
			}
		})
	})
}
