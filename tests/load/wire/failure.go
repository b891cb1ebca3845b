package wire

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Kind says how a request was lost, as seen by the client.
type Kind string

const (
	Refused     Kind = "refused"     // no connection: RST to SYN, or no such Unix socket
	Unreachable Kind = "unreachable" // no connection: ICMP, or no route
	Timeout     Kind = "timeout"     // no connection, or no whole answer, within the time limit
	Reset       Kind = "reset"       // RST before the first byte of an answer
	EOF         Kind = "eof"         // FIN before the first byte of an answer
	Truncated   Kind = "truncated"   // FIN or RST in the middle of an answer
	Malformed   Kind = "malformed"   // not HTTP, or HTTP that can be read in two ways
	Status      Kind = "status"      // a whole answer with a status that was not expected
	WrongBytes  Kind = "bytes"       // a whole answer with other bytes than expected
	Local       Kind = "local"       // the generator's own machine: no port, no descriptor
)

// Failure is one lost request. It is not an error of the generator.
type Failure struct {
	Kind   Kind
	Detail string
}

func (f *Failure) Error() string { return string(f.Kind) + ": " + f.Detail }

// dialFailure classifies a connection that did not come to be.
func dialFailure(err error) *Failure {
	kind := Local
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		kind = Refused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), isTimeout(err):
		kind = Timeout
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		kind = Unreachable
	case errors.Is(err, syscall.ECONNRESET):
		kind = Reset
	}
	return &Failure{kind, "connect: " + err.Error()}
}

// ioFailure classifies the end of an open connection. got: bytes of an answer had arrived.
func ioFailure(err error, got bool) *Failure {
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Failure{Timeout, err.Error()}
	case got:
		return &Failure{Truncated, err.Error()}
	case errors.Is(err, io.EOF):
		return &Failure{EOF, "closed before an answer"}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &Failure{Reset, err.Error()}
	}
	return &Failure{Local, err.Error()}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
