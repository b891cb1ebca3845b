package tally

import (
	"time"

	"sidestep.dev/tests/load/wire"
)

// Report is the whole result; its JSON form is the contract with scripts and tests.
type Report struct {
	Run       string    `json:"run"`
	Target    string    `json:"target"`
	StartedAt time.Time `json:"startedAt"`
	Seconds   float64   `json:"seconds"`
	Verdict   Verdict   `json:"verdict"`

	Total    *Stats            `json:"total"`
	Classes  map[string]*Stats `json:"classes"`
	Windows  []WindowReport    `json:"windows"`
	Phases   map[string]*Phase `json:"phases"` // windows of the same name taken together
	Versions []VersionReport   `json:"versions"`
	Series   []BucketReport    `json:"series"`
	Orders   *OrdersReport     `json:"orders,omitempty"`
	Failures []failure         `json:"failures"`
	Dropped  int               `json:"failuresNotListed,omitempty"`
}

// Verdict is what a test usually asks for.
type Verdict struct {
	Lost            int `json:"lost"`            // requests, of every class
	LostFromApp     int `json:"lostFromApp"`     // of them: the app itself answered with an error
	UnderWay        int `json:"underWay"`        // clients that still waited for an answer when the generator gave up
	Surplus         int `json:"surplus"`         // connections with bytes that nobody asked for
	Duplicated      int `json:"duplicated"`      // orders executed more than once
	NotExecuted     int `json:"notExecuted"`     // orders that were answered and are not in the log
	StreamsCut      int `json:"streamsCut"`      // WebSockets and event streams that ended without a word
	StreamsTold     int `json:"streamsTold"`     // those that ended with one
	OrdersUnchecked int `json:"ordersUnchecked"` // answered orders, when there is no log to compare with
}

// IsGood: no client could notice anything.
func (v Verdict) IsGood() bool {
	return v.Lost+v.UnderWay+v.Surplus+v.Duplicated+v.NotExecuted+v.StreamsCut == 0
}

// WindowReport is what completed between two marks.
type WindowReport struct {
	Name         string            `json:"name"`
	StartSeconds float64           `json:"startSeconds"`
	EndSeconds   float64           `json:"endSeconds"`
	Total        *Stats            `json:"total"`
	Classes      map[string]*Stats `json:"classes"`
}

// Phase sums the windows of one name, for instance all of those in which a reload ran.
type Phase struct {
	Windows int     `json:"windows"`
	Seconds float64 `json:"seconds"`
	Total   *Stats  `json:"total"`
}

type failure struct {
	AtSeconds float64   `json:"atSeconds"`
	Window    string    `json:"window"`
	Class     string    `json:"class"`
	Client    string    `json:"client"`
	Kind      wire.Kind `json:"kind"`
	Status    int       `json:"status,omitempty"`
	FromApp   bool      `json:"fromApp,omitempty"`
	Reused    bool      `json:"reused"`
	Detail    string    `json:"detail"`
}

// Report may be called while the load runs; the last window then ends now.
func (r *Recorder) Report(now time.Time) *Report {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.end.IsZero() {
		now = r.end
	}
	report := &Report{StartedAt: r.start, Seconds: now.Sub(r.start).Seconds(), Classes: map[string]*Stats{},
		Phases: map[string]*Phase{}, Versions: r.series.versions(), Series: r.series.report(), Failures: append([]failure{}, r.failures...), Dropped: r.dropped}
	total := newStats()
	for _, class := range r.classes {
		report.Classes[class.name] = class.total.copyForReport()
		total.addClass(class, class.total)
	}
	report.Total = summed(total, r.all)
	for _, w := range r.windows {
		entry := r.windowReport(w, now)
		report.Windows = append(report.Windows, entry)
		report.addToPhase(&entry)
	}
	for _, phase := range report.Phases {
		phase.Total.Latency = phase.Total.histogram.Summary()
	}
	report.Verdict = Verdict{Lost: report.Total.Lost, LostFromApp: report.Total.LostFromApp, Surplus: report.Total.Surplus}
	if streams := report.Total.Streams; streams != nil {
		report.Verdict.StreamsCut = streams.CutUntold + streams.EndedClean
		report.Verdict.StreamsTold = streams.Told
	}
	return report
}

func (r *Report) addToPhase(w *WindowReport) {
	phase := r.Phases[w.Name]
	if phase == nil {
		phase = &Phase{Total: newStats()}
		r.Phases[w.Name] = phase
	}
	phase.Windows++
	phase.Seconds += w.EndSeconds - w.StartSeconds
	phase.Total.merge(w.Total)
	phase.Total.histogram.Merge(w.Total.histogram)
}

func (r *Recorder) windowReport(w *window, now time.Time) WindowReport {
	end := w.end
	if end.IsZero() {
		end = now
	}
	report := WindowReport{Name: w.name, StartSeconds: w.start.Sub(r.start).Seconds(), EndSeconds: end.Sub(r.start).Seconds(),
		Classes: map[string]*Stats{}}
	total := newStats()
	for class, stats := range w.classes {
		report.Classes[class.name] = stats.copyForReport()
		total.addClass(class, stats)
	}
	report.Total = summed(total, w.all)
	return report
}

// summed takes "nobody served" from the stats that all classes wrote to: the gap of the service as a whole.
func summed(total, all *Stats) *Stats {
	total.NobodyServedMs = all.NobodyServedMs
	total.Latency = total.histogram.Summary()
	return total
}
