package tally

import (
	"math"
	"strings"
	"testing"
	"time"

	"sidestep.dev/tests/load/wire"
)

func TestQuantilesAreOffByLessThanOnePercent(t *testing.T) {
	var h Histogram
	for i := 1; i <= 100_000; i++ {
		h.Add(time.Duration(i) * 10 * time.Microsecond) // 0.01 ms to 1000 ms, evenly
	}
	for q, want := range map[float64]float64{0.5: 500, 0.9: 900, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := h.Quantile(q); math.Abs(got-want)/want > 0.01 {
			t.Errorf("quantile %v: %v ms, want %v", q, got, want)
		}
	}
	if s := h.Summary(); s.Max != 1000 || s.Count != 100_000 || math.Abs(s.Mean-500) > 1 {
		t.Errorf("summary %+v", s)
	}
}

func TestBucketsCoverEveryValueInOrder(t *testing.T) {
	for _, micros := range []uint32{0, 1, 127, 128, 129, 255, 256, 1 << 20, 1<<31 - 1} {
		bucket := bucketOf(micros)
		if high := highestOf(bucket); high < int64(micros) || (bucket > 0 && highestOf(bucket-1) >= int64(micros)) {
			t.Errorf("%d is in bucket %d, up to %d", micros, bucket, high)
		}
	}
}

// clock is moved by hand.
type clock struct{ start, now time.Time }

func newClock() *clock {
	start := time.Unix(1_000_000, 0)
	return &clock{start, start}
}

func (c *clock) after(ms int) time.Time {
	c.now = c.now.Add(time.Duration(ms) * time.Millisecond)
	return c.now
}

func newRecorder(c *clock) *Recorder {
	return NewRecorder(Limits{Failures: 2, Bucket: time.Second, Buckets: 3}, c.start)
}

func TestGapsAreThoseOfTheUnluckiestClientAndOfTheService(t *testing.T) {
	c := newClock()
	r := newRecorder(c)
	class := r.Class("get", false)
	one, two := class.Client("one"), class.Client("two")
	one.OK(c.after(0), 0, "1", "1")
	two.OK(c.after(10), 0, "1", "1")
	one.OK(c.after(30), 0, "1", "1") // one: 40 ms, the service: 30 ms
	one.OK(c.after(20), 0, "1", "1")
	r.Finish(c.after(25), []*Client{one, two}) // two: 75 ms without an end
	total := r.Report(c.now).Total
	if total.LongestGapMs != 75 || total.LongestGapClient != "two" || total.NobodyServedMs != 30 {
		t.Errorf("gaps: %v ms of %s, service %v ms", total.LongestGapMs, total.LongestGapClient, total.NobodyServedMs)
	}
}

func TestWindowsTakeWhatCompletesInThem(t *testing.T) {
	c := newClock()
	r := newRecorder(c)
	client := r.Class("get", false).Client("one")
	client.OK(c.after(100), 5*time.Millisecond, "1", "1")
	r.Mark("reload", c.after(100))
	client.OK(c.after(100), 7*time.Millisecond, "2", "2")
	client.Lost(c.after(0), Loss{Failure: &wire.Failure{Kind: wire.EOF}})
	r.Mark("after", c.after(100))
	report := r.Report(c.after(100))
	if len(report.Windows) != 3 {
		t.Fatalf("%d windows", len(report.Windows))
	}
	reload := report.Windows[1]
	if reload.Name != "reload" || reload.StartSeconds != 0.2 || reload.EndSeconds != 0.4 {
		t.Errorf("window %+v", reload)
	}
	if s := reload.Classes["get"]; s.OK != 1 || s.Lost != 1 || s.LostByKind[wire.EOF] != 1 || s.Latency.Max != 7 || s.NobodyServedMs != 200 {
		t.Errorf("in the window: %+v", s)
	}
	if after := report.Windows[2]; after.Total.Sent != 0 || after.EndSeconds != 0.5 {
		t.Errorf("the last window: %+v", after)
	}
	if report.Failures[0].Window != "reload" || report.Total.OK != 2 || report.Verdict.Lost != 1 {
		t.Errorf("report: %+v", report)
	}
}

func TestWindowsOfOneNameAreAPhase(t *testing.T) {
	c := newClock()
	r := newRecorder(c)
	client := r.Class("get", false).Client("one")
	for _, latency := range []time.Duration{3 * time.Millisecond, 5 * time.Millisecond} {
		r.Mark("swap", c.after(100))
		client.OK(c.after(50), latency, "1", "1")
		r.Mark("steady", c.after(50))
		client.OK(c.after(50), time.Millisecond, "1", "1")
	}
	swap := r.Report(c.after(50)).Phases["swap"]
	if swap.Windows != 2 || math.Abs(swap.Seconds-0.2) > 1e-9 || swap.Total.OK != 2 || swap.Total.Latency.Mean != 4 {
		t.Errorf("phase %+v, latency %+v", swap, swap.Total.Latency)
	}
}

func TestSharesAreCountedByVersionOverTime(t *testing.T) {
	c := newClock()
	r := newRecorder(c)
	client := r.Class("get", false).Client("one")
	client.OK(c.after(500), 0, "1", "1")
	client.OK(c.after(1000), 0, "1", "1")
	client.OK(c.after(100), 0, "2", "2")
	client.OK(c.after(60_000), 0, "2", "2") // beyond the last bucket
	report := r.Report(c.now)
	if s := report.Series; len(s) != 3 || s[0].Share["1/1"] != 1 || s[1].Share["1/1"] != 1 || s[1].Share["2/2"] != 1 || s[2].OK != 1 {
		t.Errorf("series %+v", s)
	}
	if v := report.Versions; len(v) != 2 || v[1].Version != "2" || v[1].Count != 2 || v[1].FirstSeconds != 1.6 || v[0].LastSeconds != 1.5 {
		t.Errorf("versions %+v", report.Versions)
	}
}

func TestTheListOfFailuresIsBoundedAndTheRestCounted(t *testing.T) {
	c := newClock()
	r := newRecorder(c)
	client := r.Class("get", false).Client("one")
	for range 5 {
		client.Lost(c.after(1), Loss{Failure: &wire.Failure{Kind: wire.Reset}, Status: 0})
	}
	if report := r.Report(c.now); len(report.Failures) != 2 || report.Dropped != 3 || report.Total.Lost != 5 {
		t.Errorf("%d listed, %d not, %d lost", len(report.Failures), report.Dropped, report.Total.Lost)
	}
}

func TestMessagesOfStreamsStayOutOfTheLatencyOfRequests(t *testing.T) {
	c := newClock()
	r := newRecorder(c)
	r.Class("sse", true).Client("s").OK(c.after(1), time.Second, "1", "1")
	r.Class("get", false).Client("g").OK(c.after(1), time.Millisecond, "1", "1")
	if latency := r.Report(c.now).Total.Latency; latency.Count != 1 || latency.Max != 1 {
		t.Errorf("latency %+v", latency)
	}
}

func TestOrdersOfOtherRunsArePassedOver(t *testing.T) {
	orders, log := NewOrders("me-"), map[string]int{}
	if err := orders.ParseLog(strings.NewReader("me-1 1 7\nyou-1 1 7\nme-1 2 8\n"), log); err != nil || len(log) != 1 || log["me-1"] != 2 {
		t.Errorf("log %v, %v", log, err)
	}
}
