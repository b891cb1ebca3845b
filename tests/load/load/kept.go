package load

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"time"

	"sidestep.dev/tests/load/tally"
	"sidestep.dev/tests/load/wire"
)

// page asks for pages of one path: it writes the requests and judges the answers.
type page struct {
	env    *Env
	spec   Spec
	kind   string // first word of the page
	prefix string // of the request ids
	order  []byte // body of an order; nil for a GET
	number int
	id     string
	buffer []byte
	close  bool // ask the server to close afterwards
}

func newPage(env *Env, spec Spec, prefix string) *page {
	path, _, _ := strings.Cut(spec.Path, "?")
	p := &page{env: env, spec: spec, kind: strings.TrimPrefix(path, "/"), prefix: prefix}
	if spec.Kind == "order" || spec.Kind == "h2order" {
		p.kind = "order"
		p.order = []byte(strings.Repeat("one bar of soap, ", spec.Bytes/17+1)[:spec.Bytes])
	}
	return p
}

func (p *page) method() string {
	if p.order != nil {
		return http.MethodPost
	}
	return http.MethodGet
}

// next writes the next request, with an id of its own.
func (p *page) next() []byte {
	p.number++
	b := append(p.buffer[:0], p.method()...)
	b = append(append(b, ' '), p.spec.Path...)
	if p.env.Check == CheckPage {
		p.id = fmt.Sprintf("%s-%d", p.prefix, p.number)
		separator := byte('?')
		if strings.Contains(p.spec.Path, "?") {
			separator = '&'
		}
		b = append(append(append(b, separator), "id="...), p.id...)
		if p.order == nil && p.spec.Bytes > 0 {
			b = fmt.Appendf(b, "&bytes=%d", p.spec.Bytes)
		}
	}
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), p.env.Host...), "\r\n"...)
	if p.close {
		b = append(b, "Connection: close\r\n"...)
	}
	if p.order != nil {
		b = fmt.Appendf(b, "Content-Type: text/plain\r\nContent-Length: %d\r\n", len(p.order))
	}
	b = append(append(b, "\r\n"...), p.order...)
	p.buffer = b
	return b
}

// judge says whether the answer is what the request asked for.
func (p *page) judge(head *wire.Head, body []byte) *wire.Failure {
	if head.Status != http.StatusOK {
		return statusFailure(head, body)
	}
	switch p.env.Check {
	case CheckNone:
		return nil
	case CheckSame:
		return p.env.same.check(p.spec.Path, body)
	case CheckPage:
	}
	filler := p.spec.Bytes
	if p.order != nil {
		filler = 0
	}
	rest, failure := checkPage(head, body, p.kind, p.id, filler)
	if failure == nil && p.order != nil {
		failure = p.judgeOrder(rest)
	}
	return failure
}

func (p *page) judgeOrder(rest []byte) *wire.Failure {
	if field(rest, "length", 10) != int64(len(p.order)) || field(rest, "body", 16) != int64(crc32.ChecksumIEEE(p.order)) {
		return &wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("the app has got another order: %q", rest)}
	}
	p.env.Orders.Answered(p.id, int(field(rest, "executions", 10)))
	return nil
}

// once sends one request and records how it ended; began is when it was due.
func (p *page) once(s *session, began time.Time) bool {
	failure := s.exchange(p.method(), p.next())
	if failure == nil {
		failure = p.judge(&s.head, s.body)
	}
	if failure == nil {
		s.ok(began)
		return true
	}
	if p.order != nil {
		p.env.Orders.Lost(p.id)
	}
	s.lost(failure)
	return false
}

// startKept: clients that keep their connection, with a pause or at a rate of their own.
func startKept(env *Env, spec Spec) {
	class := env.class(spec)
	for i := range spec.Clients {
		client := env.client(class, spec.Name, i)
		p := newPage(env, spec, fmt.Sprintf("%s%s-%d", env.Orders.Prefix(), spec.Name, i))
		s := &session{env: env, client: client, timeout: spec.timeout()}
		env.launch(func() {
			defer s.leave()
			if spec.PerSecond > 0 {
				keepRate(env, spec, i, p, s)
			} else {
				keepPause(env, spec, p, s)
			}
		})
	}
}

func keepPause(env *Env, spec Spec, p *page, s *session) {
	for !env.isStopping() {
		pause := spec.pause()
		if !p.once(s, time.Now()) {
			pause = max(pause, afterLoss)
		}
		if pause > 0 && !env.wait(pause) {
			return
		}
	}
}

// keepRate sends at planned times. A turn that has passed while the client hung is not made up for.
func keepRate(env *Env, spec Spec, number int, p *page, s *session) {
	interval := time.Duration(float64(time.Second) / spec.PerSecond)
	next := time.Now().Add(interval * time.Duration(number) / time.Duration(spec.Clients))
	for env.wait(time.Until(next)) {
		p.once(s, next)
		next = next.Add(interval)
		if missed := int(time.Since(next) / interval); missed > 0 {
			s.client.Count(func(stats *tally.Stats) { stats.NotSent += missed })
			next = next.Add(interval * time.Duration(missed))
		}
	}
}
