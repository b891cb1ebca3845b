package tally

import (
	"strconv"
	"time"

	"sidestep.dev/tests/load/wire"
)

// Stats is what was counted for one class of clients within one window.
type Stats struct {
	Sent        int               `json:"sent"` // requests begun, lost ones included
	OK          int               `json:"ok"`
	Lost        int               `json:"lost"`
	LostByKind  map[wire.Kind]int `json:"lostByKind,omitempty"`
	StatusCodes map[string]int    `json:"statusCodes,omitempty"`
	LostFromApp int               `json:"lostFromApp,omitempty"` // of Lost: the app itself answered so
	RetryAfter  int               `json:"retryAfter,omitempty"`  // of Lost: with Retry-After
	NotSent     int               `json:"notSent,omitempty"`     // turns that passed while the client hung

	Latency          Latency `json:"latencyMs"`
	LongestGapMs     float64 `json:"longestGapMs"`     // of the unluckiest client: between two good answers
	LongestGapClient string  `json:"longestGapClient"` // who that was
	NobodyServedMs   float64 `json:"nobodyServedMs"`   // longest time without a good answer to anybody

	Connections     int `json:"connections"`               // opened
	ClosesAnnounced int `json:"closesAnnounced,omitempty"` // Connection: close stood in an answer
	ClosesIdle      int `json:"closesIdle,omitempty"`      // unannounced, but seen before sending: no loss
	ResetsIdle      int `json:"resetsIdle,omitempty"`      // the same with RST
	Unsolicited     int `json:"unsolicited,omitempty"`     // 408 between two answers
	Surplus         int `json:"surplus,omitempty"`         // other bytes that nobody asked for: an answer twice, or somebody else's

	Streams *StreamStats `json:"streams,omitempty"`

	histogram *Histogram
	lastOK    time.Time
}

// StreamStats counts WebSockets and event streams. Told: by a Close frame or "event: bye" before the end.
type StreamStats struct {
	Opened     int            `json:"opened"`
	Told       int            `json:"told"`
	ToldCodes  map[string]int `json:"toldCodes,omitempty"`
	CutUntold  int            `json:"cutUntold"`
	EndedClean int            `json:"endedClean,omitempty"` // whole, but without a word
	Unanswered int            `json:"unanswered,omitempty"` // messages under way when the stream ended
}

func newStats() *Stats {
	return &Stats{LostByKind: map[wire.Kind]int{}, StatusCodes: map[string]int{}, histogram: &Histogram{}}
}

func (s *Stats) stream() *StreamStats {
	if s.Streams == nil {
		s.Streams = &StreamStats{ToldCodes: map[string]int{}}
	}
	return s.Streams
}

func (s *Stats) ok(latency time.Duration) {
	s.Sent++
	s.OK++
	s.histogram.Add(latency)
}

func (s *Stats) lost(loss Loss) {
	s.Sent++
	s.Lost++
	s.LostByKind[loss.Failure.Kind]++
	if loss.Failure.Kind == wire.Status {
		s.StatusCodes[strconv.Itoa(loss.Status)]++
	}
	if loss.FromApp {
		s.LostFromApp++
	}
	if loss.RetryAfter {
		s.RetryAfter++
	}
}

func (s *Stats) served(at time.Time) {
	if !s.lastOK.IsZero() {
		s.NobodyServedMs = max(s.NobodyServedMs, milliseconds(at.Sub(s.lastOK)))
	}
	s.lastOK = at
}

func (s *Stats) gap(client string, gap time.Duration) {
	if ms := milliseconds(gap); ms > s.LongestGapMs {
		s.LongestGapMs, s.LongestGapClient = ms, client
	}
}

// addClass makes a total of classes. Messages of streams are no requests: they stay out of its latencies.
func (s *Stats) addClass(class *Class, stats *Stats) {
	s.merge(stats)
	if !class.isStream {
		s.histogram.Merge(stats.histogram)
	}
}

// merge adds all counts but the latencies; gaps are the larger of the two.
func (s *Stats) merge(other *Stats) {
	s.Sent += other.Sent
	s.OK += other.OK
	s.Lost += other.Lost
	s.LostFromApp += other.LostFromApp
	s.RetryAfter += other.RetryAfter
	s.NotSent += other.NotSent
	s.Connections += other.Connections
	s.ClosesAnnounced += other.ClosesAnnounced
	s.ClosesIdle += other.ClosesIdle
	s.ResetsIdle += other.ResetsIdle
	s.Unsolicited += other.Unsolicited
	s.Surplus += other.Surplus
	addCounts(s.LostByKind, other.LostByKind)
	addCounts(s.StatusCodes, other.StatusCodes)
	if other.LongestGapMs > s.LongestGapMs {
		s.LongestGapMs, s.LongestGapClient = other.LongestGapMs, other.LongestGapClient
	}
	s.NobodyServedMs = max(s.NobodyServedMs, other.NobodyServedMs)
	if other.Streams != nil {
		s.stream().merge(other.Streams)
	}
}

func (s *StreamStats) merge(other *StreamStats) {
	s.Opened += other.Opened
	s.Told += other.Told
	s.CutUntold += other.CutUntold
	s.EndedClean += other.EndedClean
	s.Unanswered += other.Unanswered
	addCounts(s.ToldCodes, other.ToldCodes)
}

func addCounts[K comparable](to, from map[K]int) {
	for key, count := range from {
		to[key] += count
	}
}

func (s *Stats) copyForReport() *Stats {
	result := newStats()
	result.merge(s)
	result.histogram.Merge(s.histogram)
	result.Latency = result.histogram.Summary()
	return result
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
