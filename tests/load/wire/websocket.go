package wire

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// Opcodes of RFC 6455 that a client of ours meets.
const (
	OpText   = 0x1
	OpBinary = 0x2
	OpClose  = 0x8
	OpPing   = 0x9
	OpPong   = 0xA

	maxFrame = 8 << 10 // so that a frame fits into the read buffer
)

const webSocketKey = "c2lkZXN0ZXAtbG9hZC0wMQ==" // fixed: its randomness guards caches only

// OpenWebSocket does the handshake. An answer that is not 101 is given as head without failure.
func (c *Conn) OpenWebSocket(host, path string) (*Head, *Failure) {
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, host, webSocketKey)
	if failure := c.Send([]byte(request)); failure != nil {
		return nil, failure
	}
	head, failure := c.ReadHead("GET")
	if failure == nil && head.Status == 101 && head.Accept != AcceptOf(webSocketKey) {
		return nil, &Failure{WrongBytes, "wrong Sec-WebSocket-Accept: " + head.Accept}
	}
	return head, failure
}

// SendFrame sends one whole masked frame.
func (c *Conn) SendFrame(opcode byte, payload []byte) *Failure {
	frame := make([]byte, 0, len(payload)+8)
	frame = append(frame, 0x80|opcode)
	if len(payload) < 126 {
		frame = append(frame, 0x80|byte(len(payload)))
	} else {
		frame = append(frame, 0x80|126)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(payload)))
	}
	mask := [4]byte{0x5a, 0x3c, 0xc3, 0xa5}
	frame = append(frame, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	return c.Send(frame)
}

// ReadFrame waits for one frame; its payload is valid until the next call.
func (c *Conn) ReadFrame() (opcode byte, payload []byte, failure *Failure) {
	size, failure := c.need(2)
	if failure != nil {
		return 0, nil, failure
	}
	first, length, headSize := size[0], int(size[1]), 2
	switch {
	case length == 126:
		if size, failure = c.need(4); failure != nil {
			return 0, nil, failure
		}
		length, headSize = int(binary.BigEndian.Uint16(size[2:])), 4
	case length > 126:
		return 0, nil, &Failure{Malformed, "a masked frame, or one too long, from the server"}
	}
	if first&0xf0 != 0x80 || length > maxFrame {
		return 0, nil, &Failure{Malformed, fmt.Sprintf("unexpected frame, first byte %#x, length %d", first, length)}
	}
	frame, failure := c.need(headSize + length)
	if failure != nil {
		return 0, nil, failure
	}
	c.r += headSize + length
	return first & 0xf, frame[headSize:], nil
}

// need waits until n bytes are there and returns them without taking them.
func (c *Conn) need(n int) ([]byte, *Failure) {
	for c.w-c.r < n {
		if err := c.fill(); err != nil {
			return nil, ioFailure(err, c.w > c.r)
		}
	}
	return c.buffer[c.r : c.r+n], nil
}

// CloseCode is the status code of a Close frame's payload; 1005 when it has none.
func CloseCode(payload []byte) int {
	if len(payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(payload))
}

// AcceptOf is the Sec-WebSocket-Accept that belongs to a key.
func AcceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
