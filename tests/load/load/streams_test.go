package load

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"sidestep.dev/tests/load/wire"
)

var sockets = Spec{Name: "ws", Kind: "ws", Clients: 3, PauseMs: 10, TimeoutMs: 2000, Bytes: 200}

// socket accepts a WebSocket, echoes n messages and then ends it as told.
func socket(name string, n int, end func(c *net.TCPConn) bool) act {
	return act{name, func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
		write(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+shopHead+
			"Sec-WebSocket-Accept: "+wire.AcceptOf(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		reader := bufio.NewReader(c)
		for range n {
			message, err := readMasked(reader)
			if err != nil || !write(c, frame(wire.OpText, message)) {
				return false
			}
		}
		return end(c)
	}}
}

func readMasked(reader *bufio.Reader) (string, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(reader, head); err != nil {
		return "", err
	}
	length := int(head[1] & 0x7f)
	if length == 126 {
		size := make([]byte, 2)
		if _, err := io.ReadFull(reader, size); err != nil {
			return "", err
		}
		length = int(binary.BigEndian.Uint16(size))
	}
	rest := make([]byte, 4+length)
	if _, err := io.ReadFull(reader, rest); err != nil {
		return "", err
	}
	for i := range length {
		rest[4+i] ^= rest[i%4]
	}
	if head[0]&0xf == wire.OpClose {
		return "", io.EOF
	}
	return string(rest[4:]), nil
}

func frame(opcode byte, payload string) string {
	if len(payload) > 125 {
		return string([]byte{0x80 | opcode, 126, byte(len(payload) >> 8), byte(len(payload))}) + payload
	}
	return string([]byte{0x80 | opcode, byte(len(payload))}) + payload
}

func closeWith(code int) func(c *net.TCPConn) bool {
	return func(c *net.TCPConn) bool {
		write(c, frame(wire.OpClose, string([]byte{byte(code >> 8), byte(code)})))
		time.Sleep(10 * time.Millisecond)
		return false
	}
}

func TestEndsOfWebSocketsAreCountedByHowTheClientLearnedOfThem(t *testing.T) {
	plan := []act{
		socket("1001", 2, closeWith(1001)), socket("1012", 1, closeWith(1012)),
		socket("fin", 2, func(*net.TCPConn) bool { return false }), socket("rst", 1, reset),
		socket("echo", 1, func(c *net.TCPConn) bool {
			write(c, frame(wire.OpPing, "p"))
			write(c, frame(wire.OpText, "not what was sent"))
			time.Sleep(50 * time.Millisecond)
			return false
		}),
		{"no upgrade", func(_ *rogue, c *net.TCPConn, _ *http.Request) bool {
			return write(c, answer("503 Service Unavailable", "", "")) && false
		}},
	}
	forever := socket("for ever", 1_000_000, func(*net.TCPConn) bool { return false })
	r := newRogue(t, func(n int) act {
		if n < 24 {
			return plan[n%len(plan)]
		}
		return forever
	})
	report := r.loadUntil(sockets, func() bool { return r.count("for ever") == sockets.Clients })
	streams := report.Total.Streams
	if streams.Told != 8 || streams.ToldCodes["1001"] != 4 || streams.ToldCodes["1012"] != 4 {
		t.Errorf("told: %+v", streams)
	}
	if streams.CutUntold != 8 || streams.Opened != 20+sockets.Clients {
		t.Errorf("cut: %+v", streams)
	}
	if report.Total.LostByKind[wire.WrongBytes] != 4 || report.Total.StatusCodes["503"] != 4 || report.Total.Lost != 8 {
		t.Errorf("lost %v %v: %+v", report.Total.LostByKind, report.Total.StatusCodes, report.Failures)
	}
	if report.Verdict.StreamsCut != 8 || report.Verdict.StreamsTold != 8 {
		t.Errorf("verdict %+v", report.Verdict)
	}
}

func TestAMessageWithoutEchoIsATimeoutAndOneAtTheEndIsUnanswered(t *testing.T) {
	r := newRogue(t, func(n int) act {
		if n == 0 {
			return socket("silent", 0, func(*net.TCPConn) bool { time.Sleep(10 * time.Second); return false })
		}
		return socket("swallows", 0, func(c *net.TCPConn) bool { time.Sleep(20 * time.Millisecond); return closeWith(1001)(c) })
	})
	spec := sockets
	spec.Clients = 1
	report := r.load(spec, 4)
	if report.Total.LostByKind[wire.Timeout] != 1 || report.Total.Streams.Unanswered != report.Total.Streams.Told {
		t.Errorf("lost %v, streams %+v", report.Total.LostByKind, report.Total.Streams)
	}
}

var eventStreams = Spec{Name: "sse", Kind: "sse", Clients: 2, PauseMs: 10, TimeoutMs: 2000}

// stream sends two events and then what it is told, and closes.
func stream(name string, rest string) act {
	return act{name, func(_ *rogue, c *net.TCPConn, _ *http.Request) bool {
		write(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+shopHead+"Transfer-Encoding: chunked\r\n\r\n")
		for i := range 2 {
			write(c, chunk(event(i)))
		}
		write(c, rest)
		return false
	}}
}

func event(number int) string  { return fmt.Sprintf("id: %d\ndata: version=1 generation=1\n\n", number) }
func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

func TestAWordOfSomeTimeAgoAndHalfAnEventAreNoEnd(t *testing.T) {
	plan := []act{
		stream("heartbeat, then cut", chunk(": still there\n\n")+chunk(event(2))),
		stream("bye, then half an event", chunk("event: bye\ndata: version=1\n\n")+chunk("id: 2\nda")+"0\r\n\r\n"),
	}
	r := newRogue(t, func(n int) act {
		if n < 10 {
			return plan[n%len(plan)]
		}
		return act{"silent", func(*rogue, *net.TCPConn, *http.Request) bool { time.Sleep(10 * time.Second); return false }}
	})
	report := r.load(eventStreams, 12)
	if streams := report.Total.Streams; streams.CutUntold != 10 || streams.Told != 0 || report.Verdict.StreamsCut != 10 {
		t.Errorf("5 of each were cut, counted %+v, verdict %+v", streams, report.Verdict)
	}
}

func TestEndsAndHolesOfEventStreamsAreCounted(t *testing.T) {
	plan := []act{
		stream("bye", chunk("event: bye\ndata: version=1\n\n")+"0\r\n\r\n"), stream("cut", ""), stream("clean", "0\r\n\r\n"),
		stream("hole", chunk(event(3))), stream("comment", chunk(": the proxy's word\n\n")+"0\r\n\r\n"),
	}
	r := newRogue(t, func(n int) act {
		if n < 25 {
			return plan[n%len(plan)]
		}
		return act{"silent", func(*rogue, *net.TCPConn, *http.Request) bool { time.Sleep(10 * time.Second); return false }}
	})
	report := r.load(eventStreams, 27)
	streams := report.Total.Streams
	if streams.ToldCodes["bye"] != 5 || streams.ToldCodes["comment"] != 5 || streams.Told != 10 || streams.CutUntold != 5 || streams.EndedClean != 5 || report.Verdict.StreamsCut != 10 {
		t.Errorf("5 of each, counted %+v, verdict %+v", streams, report.Verdict)
	}
	if report.Total.LostByKind[wire.WrongBytes] != 5 {
		t.Errorf("5 holes, lost %v", report.Total.LostByKind)
	}
	if report.Total.OK != 50 {
		t.Errorf("50 events in order, counted %d", report.Total.OK)
	}
}
