package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Head is the head of one answer. It is overwritten by the next one of the same connection.
type Head struct {
	Status     int
	Close      bool   // the server announces that it closes the connection
	Version    string // X-Shop-Version: whoever answers, as it names itself
	Generation string // X-Shop-Generation
	RetryAfter bool
	Accept     string // Sec-WebSocket-Accept

	length  int64 // -1: not given
	chunked bool
}

// FromApp tells an answer of the app from one that something in front of it made.
func (h *Head) FromApp() bool { return h.Version != "" }

type bodyMode int

const (
	bodyDone bodyMode = iota
	bodyLength
	bodyUntilClose
	bodyChunkSize
	bodyChunkData
	bodyChunkEnd
	bodyTrailers
)

type bodyState struct {
	mode bodyMode
	left int64
}

var headEnd = []byte("\r\n\r\n")

// ReadHead waits for the final head (1xx are passed over, 101 is final). method decides about the body.
func (c *Conn) ReadHead(method string) (*Head, *Failure) {
	for {
		text, failure := c.headText()
		if failure != nil {
			return nil, failure
		}
		if err := c.head.parse(text); err != nil {
			return nil, &Failure{Malformed, err.Error()}
		}
		if c.head.Status >= 200 || c.head.Status == 101 {
			break
		}
	}
	c.startBody(method)
	return &c.head, nil
}

func (c *Conn) headText() ([]byte, *Failure) {
	searched := 0
	for {
		if end := bytes.Index(c.buffer[c.r+searched:c.w], headEnd); end >= 0 {
			text := c.buffer[c.r : c.r+searched+end+2]
			c.r += searched + end + 4
			return text, nil
		}
		searched = max(0, c.w-c.r-3)
		if err := c.fill(); err != nil {
			return nil, ioFailure(err, c.w > c.r)
		}
	}
}

func (h *Head) parse(text []byte) error {
	line, rest, _ := bytes.Cut(text, []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return fmt.Errorf("not a status line: %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return fmt.Errorf("not a status line: %q", line)
	}
	version, generation := h.Version, h.Generation
	*h = Head{Status: status, length: -1, Close: line[7] == '0'}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || !isToken(name) || bytes.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("not a header line: %q", line)
		}
		if err := h.field(name, bytes.TrimSpace(value), version, generation); err != nil {
			return err
		}
	}
	if h.chunked && h.length >= 0 {
		return errors.New("both Content-Length and Transfer-Encoding")
	}
	return nil
}

// field takes one header line; the strings of the answer before are used again when they are equal.
func (h *Head) field(name, value []byte, version, generation string) error {
	switch {
	case equalFold(name, "content-length"):
		length, err := number(value, 10)
		if err != nil || (h.length >= 0 && h.length != length) {
			return fmt.Errorf("bad or second Content-Length: %q", value)
		}
		h.length = length
	case equalFold(name, "transfer-encoding"):
		if !equalFold(value, "chunked") || h.chunked {
			return fmt.Errorf("bad Transfer-Encoding: %q", value)
		}
		h.chunked = true
	case equalFold(name, "connection"):
		h.Close = h.Close && !equalFold(value, "keep-alive") || equalFold(value, "close")
	case equalFold(name, "x-shop-version"):
		h.Version = reuse(version, value)
	case equalFold(name, "x-shop-generation"):
		h.Generation = reuse(generation, value)
	case equalFold(name, "sec-websocket-accept"):
		h.Accept = string(value)
	case equalFold(name, "retry-after"):
		h.RetryAfter = true
	}
	return nil
}

// number takes digits alone: with a sign or a blank it could be read in two ways.
func number(text []byte, base int) (int64, error) {
	value, err := strconv.ParseUint(string(text), base, 63)
	return int64(value), err
}

// isToken: RFC 9110, 5.6.2.
func isToken(name []byte) bool {
	for _, c := range name {
		isPlain := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
		if !isPlain {
			return false
		}
	}
	return len(name) > 0
}

func equalFold(text []byte, lower string) bool {
	return len(text) == len(lower) && bytes.EqualFold(text, []byte(lower))
}

func reuse(before string, value []byte) string {
	if before == string(value) {
		return before
	}
	return string(value)
}

func (c *Conn) startBody(method string) {
	switch {
	case method == "HEAD" || c.head.Status == 101 || c.head.Status == 204 || c.head.Status == 304 || c.head.length == 0:
		c.body = bodyState{mode: bodyDone}
	case c.head.chunked:
		c.body = bodyState{mode: bodyChunkSize}
	case c.head.length > 0:
		c.body = bodyState{mode: bodyLength, left: c.head.length}
	default:
		c.body = bodyState{mode: bodyUntilClose}
		c.head.Close = true
	}
}

// NextBody returns the next piece of the body, valid until the next call, or nil at its end.
func (c *Conn) NextBody() ([]byte, *Failure) {
	for {
		switch c.body.mode {
		case bodyDone:
			c.Served++
			return nil, nil
		case bodyLength, bodyChunkData, bodyUntilClose:
			return c.bodyPiece()
		case bodyChunkSize, bodyChunkEnd, bodyTrailers:
			if failure := c.chunkLine(); failure != nil {
				return nil, failure
			}
		}
	}
}

func (c *Conn) bodyPiece() ([]byte, *Failure) {
	if c.r == c.w {
		if err := c.fill(); err != nil {
			if errors.Is(err, io.EOF) && c.body.mode == bodyUntilClose {
				c.body.mode = bodyDone
				return c.NextBody()
			}
			return nil, ioFailure(err, true)
		}
	}
	piece := c.buffer[c.r:c.w]
	if c.body.mode != bodyUntilClose {
		piece = piece[:min(int64(len(piece)), c.body.left)]
		c.body.left -= int64(len(piece))
		if c.body.left == 0 && c.body.mode == bodyLength {
			c.body.mode = bodyDone
		} else if c.body.left == 0 {
			c.body.mode = bodyChunkEnd
		}
	}
	c.r += len(piece)
	return piece, nil
}

// chunkLine takes one line of the chunked framing: a size, the end of a chunk, or a trailer.
func (c *Conn) chunkLine() *Failure {
	end := bytes.IndexByte(c.buffer[c.r:c.w], '\n')
	for end < 0 {
		if err := c.fill(); err != nil {
			return ioFailure(err, true)
		}
		end = bytes.IndexByte(c.buffer[c.r:c.w], '\n')
	}
	line := c.buffer[c.r : c.r+end+1]
	c.r += end + 1
	line, found := bytes.CutSuffix(line, []byte("\r\n"))
	if !found {
		return &Failure{Malformed, fmt.Sprintf("a chunk line ends without CRLF: %q", line)}
	}
	switch {
	case c.body.mode == bodyTrailers && len(line) == 0:
		c.body.mode = bodyDone
	case c.body.mode == bodyChunkEnd && len(line) == 0:
		c.body.mode = bodyChunkSize
	case c.body.mode == bodyChunkEnd:
		return &Failure{Malformed, fmt.Sprintf("a chunk is longer than it says: %q", line)}
	case c.body.mode == bodyChunkSize:
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, err := number(digits, 16)
		if err != nil {
			return &Failure{Malformed, fmt.Sprintf("not a chunk size: %q", line)}
		}
		c.body = bodyState{mode: bodyChunkData, left: size}
		if size == 0 {
			c.body.mode = bodyTrailers
		}
	}
	return nil
}
