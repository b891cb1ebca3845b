// Package tally counts what the clients of the load generator see: by class, by window, by second and by
// version of the app. It decides nothing about what is a loss; wire and load do.
package tally

import (
	"sync"
	"time"

	"sidestep.dev/tests/load/wire"
)

// Class is one kind of clients, for instance "get"; Client one of them. Both are made before the load starts.
type Class struct {
	name     string
	isStream bool // left out of "nobody served"
	recorder *Recorder
	total    *Stats // guarded by recorder.mutex, like all that follows
	inWindow *Stats
}

type Client struct {
	class  *Class
	name   string
	lastOK time.Time // guarded by recorder.mutex
}

// Loss describes a lost request for the list of failures.
type Loss struct {
	Failure    *wire.Failure
	Status     int  // 0: no whole answer
	FromApp    bool // the app itself answered so
	RetryAfter bool
	Reused     bool // not the first request of its connection
	Detail     string
}

// Limits bound what a recorder keeps.
type Limits struct {
	Failures int           // entries in the list of failures; beyond it they are only counted
	Bucket   time.Duration // of the time series
	Buckets  int           // beyond it the last one takes all
}

// Recorder may be used by many goroutines. The mutex is held for some 100 ns per request.
type Recorder struct {
	limits Limits
	start  time.Time

	mutex    sync.Mutex
	end      time.Time // zero while the load runs; guarded by mutex, like all that follows
	classes  []*Class
	windows  []*window
	failures []failure
	dropped  int
	series   series
	all      *Stats // every class but streams; its "nobody served" is the service's
}

type window struct {
	name       string
	start, end time.Time
	all        *Stats
	classes    map[*Class]*Stats
}

func NewRecorder(limits Limits, start time.Time) *Recorder {
	r := &Recorder{limits: limits, start: start, all: newStats()}
	r.series.init(limits)
	r.openWindow("start", start)
	return r
}

// Class and Client must be called before the load starts or under no load of that class.
func (r *Recorder) Class(name string, isStream bool) *Class {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	class := &Class{name: name, isStream: isStream, recorder: r, total: newStats()}
	r.classes = append(r.classes, class)
	class.enter(r.windows[len(r.windows)-1])
	return class
}

func (c *Class) Client(name string) *Client { return &Client{class: c, name: name} }

func (c *Class) enter(w *window) {
	c.inWindow = newStats()
	c.inWindow.lastOK = c.total.lastOK // A gap belongs to the window in which it ends.
	w.classes[c] = c.inWindow
}

func (r *Recorder) openWindow(name string, at time.Time) {
	w := &window{name: name, start: at, all: newStats(), classes: map[*Class]*Stats{}}
	w.all.lastOK = r.all.lastOK
	r.windows = append(r.windows, w)
	for _, class := range r.classes {
		class.enter(w)
	}
}

// Mark ends the current window and begins another. What completes from now on counts there.
func (r *Recorder) Mark(name string, at time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.windows[len(r.windows)-1].end = at
	r.openWindow(name, at)
}

func (r *Recorder) each(c *Class, change func(*Stats)) {
	change(c.total)
	change(c.inWindow)
}

// OK counts a good answer of one generation of the app.
func (c *Client) OK(at time.Time, latency time.Duration, version, generation string) {
	r := c.class.recorder
	r.mutex.Lock()
	defer r.mutex.Unlock()
	c.class.total.ok(latency)
	c.class.inWindow.ok(latency)
	if r.end.IsZero() {
		c.served(at)
	}
	r.series.ok(at.Sub(r.start), version, generation)
}

// served follows the gaps: of the client, of its class, and of the service as a whole.
func (c *Client) served(at time.Time) {
	r := c.class.recorder
	r.each(c.class, func(s *Stats) { s.served(at) })
	if !c.class.isStream {
		r.all.served(at)
		r.windows[len(r.windows)-1].all.served(at)
	}
	if !c.lastOK.IsZero() {
		gap := at.Sub(c.lastOK)
		c.class.total.gap(c.name, gap)
		c.class.inWindow.gap(c.name, gap)
	}
	c.lastOK = at
}

// Lost counts a request that had no good answer.
func (c *Client) Lost(at time.Time, loss Loss) {
	r := c.class.recorder
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.each(c.class, func(s *Stats) { s.lost(loss) })
	r.series.lost(at.Sub(r.start))
	if len(r.failures) >= r.limits.Failures {
		r.dropped++
		return
	}
	r.failures = append(r.failures, failure{
		AtSeconds: at.Sub(r.start).Seconds(), Class: c.class.name, Client: c.name, Kind: loss.Failure.Kind,
		Window: r.windows[len(r.windows)-1].name, Status: loss.Status, Reused: loss.Reused, FromApp: loss.FromApp,
		Detail: loss.Failure.Detail + loss.Detail,
	})
}

// Count changes counters that are neither a good nor a lost request.
func (c *Client) Count(change func(*Stats)) {
	r := c.class.recorder
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.each(c.class, change)
}

// Stream changes the counters of streams.
func (c *Client) Stream(change func(*StreamStats)) {
	c.Count(func(s *Stats) { change(s.stream()) })
}

// Finish ends the last window and the following of gaps; a client that still waits for its next good answer
// has its gap counted. Requests that are under way may still be counted afterwards.
func (r *Recorder) Finish(at time.Time, clients []*Client) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	last := r.windows[len(r.windows)-1]
	r.end, last.end = at, at
	for _, client := range clients {
		if !client.lastOK.IsZero() {
			gap := at.Sub(client.lastOK)
			r.each(client.class, func(s *Stats) { s.gap(client.name, gap) })
		}
	}
	if !r.all.lastOK.IsZero() {
		r.all.served(at)
		last.all.served(at)
	}
}
