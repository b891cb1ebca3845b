package load

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sidestep.dev/tests/load/tally"
	"sidestep.dev/tests/load/wire"
)

// startWebSockets: one message per interval on each socket, and its echo checked.
func startWebSockets(env *Env, spec Spec) {
	class := env.class(spec)
	for i := range spec.Clients {
		s := &session{env: env, client: env.client(class, spec.Name, i), timeout: spec.timeout()}
		socket := &webSocket{session: s, spec: spec, name: fmt.Sprintf("%s-%d", spec.Name, i)}
		env.launch(func() {
			for !env.isStopping() {
				socket.live()
				s.drop()
				env.wait(afterLoss)
			}
		})
	}
}

type webSocket struct {
	*session
	spec   Spec
	name   string
	number int
}

// live is the life of one socket, from the handshake to its end.
func (w *webSocket) live() {
	w.head = wire.Head{}
	failure := w.connect()
	if failure == nil {
		w.conn.SetDeadline(time.Now().Add(w.timeout))
		var head *wire.Head
		if head, failure = w.conn.OpenWebSocket(w.env.Host, w.spec.Path); failure == nil {
			w.head = *head
			if head.Status != http.StatusSwitchingProtocols {
				failure = statusFailure(head, nil)
			}
		}
	}
	if failure != nil {
		w.lost(failure)
		return
	}
	w.client.Stream(func(s *tally.StreamStats) { s.Opened++ })
	for {
		if !w.talk() {
			return
		}
	}
}

// talk sends one message, waits for its echo and then for the time of the next one.
func (w *webSocket) talk() bool {
	w.number++
	message := []byte(fmt.Sprintf("%s message %d ", w.name, w.number))
	if missing := w.spec.Bytes - len(message); missing > 0 {
		message = append(message, strings.Repeat(".", missing)...)
	}
	sent := time.Now()
	w.conn.SetDeadline(sent.Add(w.timeout))
	_ = w.conn.SendFrame(wire.OpText, message) // A failed send shows in the read, as a close or a cut.
	if !w.listen(message, sent, sent.Add(w.timeout)) {
		return false
	}
	if w.env.isStopping() {
		w.conn.SetDeadline(sent.Add(w.timeout))
		_ = w.conn.SendFrame(wire.OpClose, []byte{3, 0xe8})
		return false
	}
	return w.listen(nil, sent, sent.Add(w.spec.pause()))
}

// listen handles frames until the echo of want has come or, without want, until the deadline.
func (w *webSocket) listen(want []byte, sent, deadline time.Time) bool {
	w.conn.SetDeadline(deadline)
	for {
		opcode, payload, failure := w.conn.ReadFrame()
		switch {
		case failure != nil && failure.Kind == wire.Timeout && want == nil:
			return true
		case failure != nil:
			w.cut(failure, want != nil)
			return false
		case opcode == wire.OpClose:
			w.told(payload, want != nil)
			return false
		case opcode == wire.OpPing: // Sent before the deadline or not at all, like everything here.
			_ = w.conn.SendFrame(wire.OpPong, bytes.Clone(payload))
		case want != nil && opcode == wire.OpText && bytes.Equal(payload, want):
			w.ok(sent)
			return true
		case opcode != wire.OpPong:
			w.lost(&wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("not the echo: opcode %d, %q", opcode, payload)})
			return false
		}
	}
}

func (w *webSocket) told(payload []byte, waiting bool) {
	w.conn.SetDeadline(time.Now().Add(w.timeout))
	code := wire.CloseCode(payload)
	w.client.Stream(func(s *tally.StreamStats) {
		s.Told++
		s.ToldCodes[strconv.Itoa(code)]++
		if waiting {
			s.Unanswered++
		}
	})
	_ = w.conn.SendFrame(wire.OpClose, []byte{byte(code >> 8), byte(code)})
}

// cut: the socket has ended without a Close frame. A message without echo on a socket that lives on is lost.
func (w *webSocket) cut(failure *wire.Failure, waiting bool) {
	if failure.Kind == wire.Timeout || failure.Kind == wire.Malformed {
		w.lost(failure)
		return
	}
	w.client.Stream(func(s *tally.StreamStats) {
		s.CutUntold++
		if waiting {
			s.Unanswered++
		}
	})
}

// startEvents: event streams whose numbering must have no hole.
func startEvents(env *Env, spec Spec) {
	class := env.class(spec)
	for i := range spec.Clients {
		s := &session{env: env, client: env.client(class, spec.Name, i), timeout: spec.timeout()}
		stream := &eventStream{session: s, spec: spec}
		env.launch(func() {
			for !env.isStopping() {
				stream.live()
				s.drop()
				env.wait(afterLoss)
			}
		})
	}
}

type eventStream struct {
	*session
	spec   Spec
	number int
	text   []byte // received, and not yet a whole event
	said   string // the last word that has come: "bye" of the app, "comment" of the proxy
	last   time.Time
}

func (e *eventStream) live() {
	e.head, e.number, e.text, e.said = wire.Head{}, 0, e.text[:0], ""
	failure := e.connect()
	if failure == nil {
		e.conn.SetDeadline(time.Now().Add(e.timeout))
		request := fmt.Sprintf("GET %s?ms=%d HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
			e.spec.Path, int(e.spec.PauseMs), e.env.Host)
		if failure = e.conn.Send([]byte(request)); failure == nil {
			var head *wire.Head
			if head, failure = e.conn.ReadHead(http.MethodGet); failure == nil {
				e.head = *head
				if head.Status != http.StatusOK {
					failure = statusFailure(head, nil)
				}
			}
		}
	}
	if failure != nil {
		e.lost(failure)
		return
	}
	e.client.Stream(func(s *tally.StreamStats) { s.Opened++ })
	e.last = time.Now()
	e.read()
}

func (e *eventStream) read() {
	for !e.env.isStopping() {
		e.conn.SetDeadline(time.Now().Add(e.timeout))
		piece, failure := e.conn.NextBody()
		switch {
		case failure != nil && (failure.Kind == wire.Timeout || failure.Kind == wire.Malformed):
			e.lost(failure)
			return
		case failure != nil || piece == nil:
			e.end(failure == nil)
			return
		}
		e.text = append(e.text, piece...)
		for {
			event, rest, found := bytes.Cut(e.text, []byte("\n\n"))
			if !found {
				break
			}
			if !e.event(event) {
				return
			}
			e.text = append(e.text[:0], rest...)
		}
	}
}

// event checks the number of one event; its latency is the time since the one before.
func (e *eventStream) event(text []byte) bool {
	switch {
	case bytes.HasPrefix(text, []byte("event: bye\n")):
		e.said = "bye"
		return true
	case bytes.HasPrefix(text, []byte(":")): // which a browser passes over
		e.said = "comment"
		return true
	}
	want := fmt.Sprintf("id: %d\ndata: version=%s generation=%s", e.number, e.head.Version, e.head.Generation)
	if string(text) != want {
		e.lost(&wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("event %q and not %q", text, want)})
		return false
	}
	e.said = "" // A word of some time ago says nothing about the end.
	e.number++
	e.ok(e.last)
	e.last = time.Now()
	return true
}

func (e *eventStream) end(whole bool) {
	e.client.Stream(func(s *tally.StreamStats) {
		switch {
		case len(e.text) > 0: // in the middle of an event, whatever was said before
			s.CutUntold++
		case e.said != "":
			s.Told++
			s.ToldCodes[e.said]++
		case whole:
			s.EndedClean++
		default:
			s.CutUntold++
		}
	})
}
