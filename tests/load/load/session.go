package load

import (
	"net/http"
	"time"

	"sidestep.dev/tests/load/tally"
	"sidestep.dev/tests/load/wire"
)

const (
	maxBody   = 8 << 20              // of an answer that is checked as a whole
	afterLoss = 5 * time.Millisecond // before the next try: a dead service is not asked in a hot loop
)

// session is one client with at most one connection at a time. Nothing is ever sent twice.
type session struct {
	env     *Env
	client  *tally.Client
	timeout time.Duration
	conn    *wire.Conn
	h2      *http.Transport // in place of conn
	reused  bool            // the request under way is not the first of its connection
	head    wire.Head
	body    []byte // of the last answer
}

// connect makes sure of a connection. A close that is seen before anything was sent is no loss.
func (s *session) connect() *wire.Failure {
	if s.conn != nil {
		idle := s.conn.LookIdle()
		s.reused = true
		if idle == wire.Open {
			return nil
		}
		s.client.Count(func(stats *tally.Stats) { countIdle(stats, idle) })
		s.drop()
	}
	s.reused = false
	conn, failure := wire.Dial(s.env.Target, s.timeout)
	if failure != nil {
		return failure
	}
	s.client.Count(func(stats *tally.Stats) { stats.Connections++ })
	s.conn = conn
	return nil
}

func countIdle(stats *tally.Stats, idle wire.Idle) {
	switch idle {
	case wire.Closed:
		stats.ClosesIdle++
	case wire.WasReset:
		stats.ResetsIdle++
	case wire.Unsolicited:
		stats.Unsolicited++
	case wire.Surplus:
		stats.Surplus++
	case wire.Open:
	}
}

// leave closes a connection that no request is under way on. What it got beyond its answers is counted here too.
func (s *session) leave() {
	if s.conn != nil {
		if idle := s.conn.LookIdle(); idle == wire.Surplus {
			s.client.Count(func(stats *tally.Stats) { countIdle(stats, idle) })
		}
	}
	s.drop()
}

func (s *session) drop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// exchange sends one request and reads the whole answer into head and body.
func (s *session) exchange(method string, request []byte) *wire.Failure {
	if s.h2 != nil {
		return s.exchangeH2(request)
	}
	s.head = wire.Head{}
	if failure := s.connect(); failure != nil {
		return failure
	}
	s.conn.SetDeadline(time.Now().Add(s.timeout))
	if failure := s.conn.Send(request); failure != nil {
		s.drop()
		return failure
	}
	return s.answer(method)
}

// answer reads the answer to what was sent, and closes when the server has announced that it will.
func (s *session) answer(method string) *wire.Failure {
	head, failure := s.conn.ReadHead(method)
	if failure != nil {
		s.drop()
		return failure
	}
	s.head, s.body = *head, s.body[:0]
	for {
		piece, failure := s.conn.NextBody()
		if failure != nil {
			s.drop()
			return failure
		}
		if piece == nil {
			break
		}
		if s.body = append(s.body, piece...); len(s.body) > maxBody {
			s.drop()
			return &wire.Failure{Kind: wire.WrongBytes, Detail: "a body larger than any that was asked for"}
		}
	}
	if head.Close {
		s.client.Count(func(stats *tally.Stats) { stats.ClosesAnnounced++ })
		s.leave()
	}
	return nil
}

// ok and lost record how the request that was planned for the time began has ended.
func (s *session) ok(began time.Time) {
	now := time.Now()
	s.client.OK(now, now.Sub(began), s.head.Version, s.head.Generation)
}

func (s *session) lost(failure *wire.Failure) {
	loss := tally.Loss{Failure: failure, Reused: s.reused, Status: s.head.Status,
		FromApp: failure.Kind == wire.Status && s.head.FromApp(), RetryAfter: s.head.RetryAfter}
	if s.conn != nil {
		loss.Detail = " (" + s.conn.LocalAddr() + ")"
	}
	s.client.Lost(time.Now(), loss)
}

func statusFailure(head *wire.Head, body []byte) *wire.Failure {
	return &wire.Failure{Kind: wire.Status, Detail: string(body[:min(len(body), 120)])}
}
