package load

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sidestep.dev/tests/load/tally"
	"sidestep.dev/tests/load/wire"
)

// gets is a class of kept clients; the pause leaves time for closes to be seen before the next request.
var gets = Spec{Name: "get", Kind: "get", Clients: 4, PauseMs: 5, TimeoutMs: 1000}

// Each way to lose a request is counted as what it is, exactly as often as it was done.
func TestEveryKindOfLossIsCounted(t *testing.T) {
	for _, c := range []struct {
		kind wire.Kind
		bad  func(c *net.TCPConn, request *http.Request) bool
	}{
		{wire.Reset, func(c *net.TCPConn, _ *http.Request) bool { return reset(c) }},
		{wire.EOF, func(*net.TCPConn, *http.Request) bool { return false }},
		{wire.Truncated, func(c *net.TCPConn, request *http.Request) bool {
			text := goodAnswer(request)
			write(c, text[:len(text)-3])
			return false
		}},
		{wire.Truncated, func(c *net.TCPConn, request *http.Request) bool {
			write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			return false // No last chunk.
		}},
		{wire.Truncated, func(c *net.TCPConn, request *http.Request) bool {
			write(c, goodAnswer(request)[:30])
			time.Sleep(20 * time.Millisecond) // The client has read them before the RST takes the rest.
			return reset(c)
		}},
		{wire.Timeout, func(*net.TCPConn, *http.Request) bool { time.Sleep(5 * time.Second); return false }},
		{wire.Malformed, func(c *net.TCPConn, _ *http.Request) bool {
			return write(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") && false
		}},
		{wire.Malformed, func(c *net.TCPConn, request *http.Request) bool {
			return write(c, strings.Replace(goodAnswer(request), "Content-Length: ", "Content-Length: +", 1)) && false
		}},
		{wire.Malformed, func(c *net.TCPConn, request *http.Request) bool {
			return write(c, strings.Replace(goodAnswer(request), "Content-Length: ", "Content-Length : ", 1)) && false
		}},
		{wire.Malformed, func(c *net.TCPConn, request *http.Request) bool { // A line end that only some see.
			return write(c, strings.Replace(goodAnswer(request), "\r\n", "\r\nX-One: 1\nX-Two: 2\r\n", 1)) && false
		}},
		{wire.Malformed, func(c *net.TCPConn, request *http.Request) bool {
			body := pageFor(request, "greeting=hello")
			return write(c, "HTTP/1.1 200 OK\r\n"+shopHead+"Transfer-Encoding: chunked\r\n\r\n+"+chunk(body)+"0\r\n\r\n") && false
		}},
		{wire.Malformed, func(c *net.TCPConn, request *http.Request) bool {
			body := pageFor(request, "greeting=hello")
			return write(c, "HTTP/1.1 200 OK\r\n"+shopHead+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"+
				chunk(body)+"0\r\n\r\n") && false
		}},
		{wire.WrongBytes, func(c *net.TCPConn, request *http.Request) bool {
			return write(c, strings.Replace(goodAnswer(request), "greeting=hello", "greeting=hellp", 1))
		}},
		{wire.WrongBytes, func(c *net.TCPConn, request *http.Request) bool { // A sound page of another request.
			request.URL.RawQuery = "id=another"
			return write(c, goodAnswer(request))
		}},
		{wire.WrongBytes, func(c *net.TCPConn, request *http.Request) bool { // Head and body by two generations.
			return write(c, strings.Replace(goodAnswer(request), "Generation: 1", "Generation: 2", 1))
		}},
	} {
		r := newRogue(t, every(7, 5, act{"bad", func(_ *rogue, conn *net.TCPConn, request *http.Request) bool {
			return c.bad(conn, request)
		}}))
		report := r.load(gets, 60)
		if report.Total.Lost != 5 || report.Total.LostByKind[c.kind] != 5 || r.count("bad") != 5 {
			t.Errorf("%s: done %d times, counted %v", c.kind, r.count("bad"), report.Total.LostByKind)
		}
		if report.Total.OK != r.count("good") {
			t.Errorf("%s: %d good answers, %d counted", c.kind, r.count("good"), report.Total.OK)
		}
		if len(report.Failures) != 5 || report.Failures[0].Kind != c.kind {
			t.Errorf("%s: list of failures is %+v", c.kind, report.Failures)
		}
	}
}

func TestBadStatusIsCountedByCodeAndByWhoAnswered(t *testing.T) {
	r := newRogue(t, func(n int) act {
		switch {
		case n < 4:
			return act{"proxy", func(_ *rogue, c *net.TCPConn, _ *http.Request) bool {
				return write(c, answer("503 Service Unavailable", "Retry-After: 1\r\n", "busy"))
			}}
		case n < 7:
			return act{"app", func(_ *rogue, c *net.TCPConn, _ *http.Request) bool {
				return write(c, answer("500 Internal Server Error", shopHead, "oops"))
			}}
		}
		return good
	})
	total := r.load(gets, 30).Total
	if total.StatusCodes["503"] != 4 || total.StatusCodes["500"] != 3 || total.Lost != 7 {
		t.Errorf("codes %v of %d lost", total.StatusCodes, total.Lost)
	}
	if total.RetryAfter != 4 || total.LostFromApp != 3 {
		t.Errorf("%d with Retry-After, %d from the app", total.RetryAfter, total.LostFromApp)
	}
}

func TestRefusedConnectionsAreCounted(t *testing.T) {
	r := newRogue(t, every(1, 0, good))
	r.listener.Close()
	begin := time.Now()
	report := r.loadUntil(gets, func() bool { return time.Since(begin) > 100*time.Millisecond })
	if report.Total.LostByKind[wire.Refused] == 0 || report.Total.LostByKind[wire.Refused] != report.Total.Lost {
		t.Errorf("counted %v", report.Total.LostByKind)
	}
}

// A close that was announced, or was seen in time, is no loss; each is counted apart.
func TestClosesBetweenRequestsAreNoLoss(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(c *net.TCPConn, request *http.Request) bool
		counted func(*tally.Stats) int
	}{
		"announced": {func(c *net.TCPConn, request *http.Request) bool {
			return write(c, strings.Replace(goodAnswer(request), "\r\n", "\r\nConnection: close\r\n", 1)) && false
		}, func(s *tally.Stats) int { return s.ClosesAnnounced }},
		"until close": {func(c *net.TCPConn, request *http.Request) bool {
			return write(c, "HTTP/1.1 200 OK\r\n"+shopHead+"\r\n"+pageFor(request, "greeting=hello")) && false
		}, func(s *tally.Stats) int { return s.ClosesAnnounced }},
		"seen": {func(c *net.TCPConn, request *http.Request) bool {
			return write(c, goodAnswer(request)) && false
		}, func(s *tally.Stats) int { return s.ClosesIdle }},
		"reset": {func(c *net.TCPConn, request *http.Request) bool {
			write(c, goodAnswer(request))
			time.Sleep(10 * time.Millisecond)
			return reset(c)
		}, func(s *tally.Stats) int { return s.ResetsIdle }},
		"unsolicited": {func(c *net.TCPConn, request *http.Request) bool {
			return write(c, goodAnswer(request)+"HTTP/1.1 408 Request Timeout\r\n\r\n") && false
		}, func(s *tally.Stats) int { return s.Unsolicited }},
	} {
		r := newRogue(t, every(6, 4, act{"bad", func(_ *rogue, conn *net.TCPConn, request *http.Request) bool {
			return c.do(conn, request)
		}}))
		spec := gets
		spec.PauseMs, spec.TimeoutMs = 100, 5000
		report := r.load(spec, 40)
		if report.Total.Lost != 0 || c.counted(report.Total) != 4 {
			t.Errorf("%s: lost %v, counted %d of 4", name, report.Total.LostByKind, c.counted(report.Total))
		}
		if want := gets.Clients + 4; report.Total.Connections != want {
			t.Errorf("%s: %d connections, want %d", name, report.Total.Connections, want)
		}
	}
}

// An answer that comes twice, or a piece of somebody else's, is seen on kept connections, on those that close
// after it, and on the last one of a client; the verdict has it.
func TestBytesThatNobodyAskedForAreInTheVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		extra    func(request *http.Request) string
		announce bool
	}{
		"answer twice":          {goodAnswer, false},
		"somebody else's":       {func(*http.Request) string { return "crc32=00000000\n" }, false},
		"twice before a close":  {goodAnswer, true},
		"another's and a close": {func(*http.Request) string { return "0\r\n\r\n" }, true},
	} {
		r := newRogue(t, every(6, 4, act{"bad", func(_ *rogue, conn *net.TCPConn, request *http.Request) bool {
			text := goodAnswer(request)
			if c.announce {
				text = strings.Replace(text, "\r\n", "\r\nConnection: close\r\n", 1)
			}
			write(conn, text+c.extra(request))
			time.Sleep(20 * time.Millisecond)
			return false
		}}))
		spec := gets
		spec.PauseMs, spec.TimeoutMs = 100, 5000
		report := r.load(spec, 40)
		if report.Total.Lost != 0 || report.Verdict.Surplus != 4 || report.Verdict.IsGood() {
			t.Errorf("%s: lost %v, verdict %+v", name, report.Total.LostByKind, report.Verdict)
		}
	}
	r := newRogue(t, func(int) act {
		return act{"bad", func(_ *rogue, conn *net.TCPConn, request *http.Request) bool {
			return write(conn, goodAnswer(request)+"more") && false
		}}
	})
	if report := r.load(Spec{Name: "get", Kind: "get", Clients: 1, PauseMs: 60_000}, 1); report.Verdict.Surplus != 1 {
		t.Errorf("the last connection: %+v", report.Verdict)
	}
}

// Whatever HTTP/1.1 allows for a good answer is one.
func TestSoundAnswersInEveryFramingAreGood(t *testing.T) {
	r := newRogue(t, func(n int) act {
		return act{"good", func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
			body := pageFor(request, "greeting=hello")
			switch n % 3 {
			case 0:
				return write(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+answer("200 OK", shopHead, body))
			case 1:
				return write(c, "HTTP/1.1 200 OK\r\n"+shopHead+"Transfer-Encoding: chunked\r\n\r\n"+
					"4;x=y\r\n"+body[:4]+"\r\n"+chunk(body[4:])+"0\r\nTrailer: 1\r\n\r\n")
			}
			text := answer("200 OK", shopHead, body)
			for i := range len(text) {
				if !write(c, text[i:i+1]) {
					return false
				}
			}
			return true
		}}
	})
	if report := r.load(gets, 60); report.Total.Lost != 0 || report.Total.OK != r.count("good") {
		t.Errorf("lost %v: %+v", report.Total.LostByKind, report.Failures)
	}
}

func TestFreshClientsOpenAConnectionForEachRequest(t *testing.T) {
	r := newRogue(t, every(5, 4, act{"bad", func(*rogue, *net.TCPConn, *http.Request) bool { return false }}))
	report := r.load(Spec{Name: "fresh", Kind: "fresh", PerSecond: 400, TimeoutMs: 5000}, 60)
	if report.Total.LostByKind[wire.EOF] != 4 || report.Total.Connections != report.Total.Sent {
		t.Errorf("lost %v, %d connections for %d requests", report.Total.LostByKind, report.Total.Connections, report.Total.Sent)
	}
}

// A service that stands still delays every request that was due meanwhile, not only the one it held.
func TestConstantRateCountsTheWaitOfEveryPlannedRequest(t *testing.T) {
	gate := make(chan struct{})
	r := newRogue(t, func(n int) act {
		return act{"good", func(r *rogue, c *net.TCPConn, request *http.Request) bool {
			if n == 100 {
				time.AfterFunc(500*time.Millisecond, func() { close(gate) })
			}
			if n >= 100 {
				<-gate
			}
			return write(c, goodAnswer(request))
		}}
	})
	report := r.load(Spec{Name: "rate", Kind: "rate", Clients: 4, PerSecond: 200, TimeoutMs: 5000}, 400)
	// 100 of some 400 requests were due while it stood still, evenly spread over 0 to 500 ms of wait.
	if latency := report.Total.Latency; latency.P50 > 100 || latency.P90 < 150 || latency.Max < 450 {
		t.Errorf("latencies do not show the wait: %+v", latency)
	}
	if report.Total.NobodyServedMs < 400 || report.Total.LongestGapMs < 400 || report.Total.Lost != 0 {
		t.Errorf("gap of 500 ms seen as %v and %v ms, lost %d", report.Total.NobodyServedMs, report.Total.LongestGapMs, report.Total.Lost)
	}
}

func TestTurnsThatPassWhileAClientHangsAreCounted(t *testing.T) {
	r := newRogue(t, func(n int) act {
		return act{"good", func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
			if n == 10 {
				time.Sleep(205 * time.Millisecond)
			}
			return write(c, goodAnswer(request))
		}}
	})
	report := r.load(Spec{Name: "get", Kind: "get", Clients: 1, PerSecond: 100, TimeoutMs: 5000}, 40)
	if report.Total.NotSent < 15 || report.Total.NotSent > 100 { // More on a machine that is slow by itself.
		t.Errorf("%d turns not sent, want about 20", report.Total.NotSent)
	}
}
