// Package wire is an HTTP/1.1 and WebSocket client on raw connections. It sees and tells every event of a
// connection; it never retries, never reconnects and never reuses a connection on its own, which is what
// the standard library's client does in silence.
package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

const readBuffer = 16 << 10 // also the bound of a response head

// Conn is one client connection. One goroutine uses it at a time.
type Conn struct {
	Served int // whole answers so far

	net    net.Conn
	raw    syscall.RawConn
	buffer []byte
	r, w   int // buffer[r:w] is read and not yet used
	head   Head
	body   bodyState
	broken error // found by a look; the kernel has forgotten it
	peeked peekResult
	peekFn func(uintptr) bool // made once: a closure per request would be garbage
}

// Dial opens a connection to "HOST:PORT" or "unix:PATH".
func Dial(target string, timeout time.Duration) (*Conn, *Failure) {
	network, address := "tcp", target
	if path, isUnix := strings.CutPrefix(target, "unix:"); isUnix {
		network, address = "unix", path
	}
	conn, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return nil, dialFailure(err)
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		conn.Close()
		return nil, &Failure{Local, err.Error()}
	}
	c := &Conn{net: conn, raw: raw, buffer: make([]byte, readBuffer)}
	c.peekFn = c.peek
	return c, nil
}

func (c *Conn) Close() { c.net.Close() }

// LocalAddr names the connection in failure records.
func (c *Conn) LocalAddr() string { return c.net.LocalAddr().String() }

func (c *Conn) SetDeadline(t time.Time) { _ = c.net.SetDeadline(t) }

// Idle is what a look at a connection between two requests shows.
type Idle int

const (
	Open        Idle = iota // nothing has happened
	Closed                  // FIN
	WasReset                // RST
	Unsolicited             // 408, as HTTP allows before a close
	Surplus                 // any other bytes that nobody asked for: an answer twice, or somebody else's
)

const requestTimeout = "HTTP/1.1 408 "

type peekResult struct {
	n     int
	err   error
	bytes [len(requestTimeout)]byte
}

func (c *Conn) peek(fd uintptr) bool {
	c.peeked.n, _, c.peeked.err = syscall.Recvfrom(int(fd), c.peeked.bytes[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return true
}

func unasked(text []byte) Idle {
	if bytes.HasPrefix(text, []byte(requestTimeout)) {
		return Unsolicited
	}
	return Surplus
}

// LookIdle tells what has happened since the last answer, without waiting and without taking bytes.
func (c *Conn) LookIdle() Idle {
	if c.r != c.w {
		return unasked(c.buffer[c.r:c.w])
	}
	if err := c.raw.Read(c.peekFn); err != nil {
		return Closed
	}
	switch {
	case errors.Is(c.peeked.err, syscall.EAGAIN):
		return Open
	case c.peeked.err != nil:
		c.broken = c.peeked.err // The kernel tells it once; what is read next must not look like a FIN.
		return WasReset
	case c.peeked.n == 0:
		return Closed
	}
	return unasked(c.peeked.bytes[:c.peeked.n])
}

// fill waits for more bytes; unused ones stay.
func (c *Conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	} else if c.w == len(c.buffer) {
		if c.r == 0 {
			return &Failure{Malformed, "a head or line longer than the read buffer"}
		}
		c.w = copy(c.buffer, c.buffer[c.r:c.w])
		c.r = 0
	}
	if c.broken != nil {
		return c.broken
	}
	n, err := c.net.Read(c.buffer[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Send writes a request, or a part of one. A failure is told only when no answer can be read any more:
// servers may answer and close before they have read everything.
func (c *Conn) Send(parts ...[]byte) *Failure {
	for _, part := range parts {
		if _, err := c.net.Write(part); err != nil {
			if idle := c.LookIdle(); idle == Unsolicited || idle == Surplus {
				return nil
			}
			return ioFailure(err, false)
		}
	}
	return nil
}

// HasAnswer tells whether bytes have arrived that ReadHead has not seen yet.
func (c *Conn) HasAnswer() bool { return c.LookIdle() != Open }
