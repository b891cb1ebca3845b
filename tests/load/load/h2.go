package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"

	"sidestep.dev/tests/load/wire"
)

const streamsPerConnection = 16

// startH2: clients that share HTTP/2 connections by prior knowledge. Go's client sends again what the server has proved
// not to have processed (REFUSED_STREAM, a stream above GOAWAY's last); everything else is lost.
func startH2(env *Env, spec Spec) {
	class := env.class(spec)
	var transport *http.Transport
	for i := range spec.Clients {
		if i%streamsPerConnection == 0 {
			transport = &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
			transport.Protocols.SetUnencryptedHTTP2(true)
		}
		client := env.client(class, spec.Name, i)
		p := newPage(env, spec, fmt.Sprintf("%s%s-%d", env.Orders.Prefix(), spec.Name, i))
		s := &session{env: env, client: client, timeout: spec.timeout(), h2: transport}
		env.launch(func() {
			if spec.PerSecond > 0 {
				keepRate(env, spec, i, p, s)
			} else {
				keepPause(env, spec, p, s)
			}
		})
	}
}

// exchangeH2 sends what exchange would send, as a stream.
func (s *session) exchangeH2(request []byte) *wire.Failure {
	s.head, s.body = wire.Head{}, s.body[:0]
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		return &wire.Failure{Kind: wire.Local, Detail: err.Error()}
	}
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", s.env.Target
	answer, err := s.h2.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return h2Failure(err, wire.Reset)
	}
	defer answer.Body.Close()
	if answer.ProtoMajor != 2 {
		return &wire.Failure{Kind: wire.Malformed, Detail: "the answer came by " + answer.Proto}
	}
	s.head = wire.Head{Status: answer.StatusCode, Version: answer.Header.Get("X-Shop-Version"),
		Generation: answer.Header.Get("X-Shop-Generation"), RetryAfter: answer.Header.Get("Retry-After") != ""}
	body := bytes.NewBuffer(s.body)
	if _, err := body.ReadFrom(io.LimitReader(answer.Body, maxBody)); err != nil {
		return h2Failure(err, wire.Truncated)
	}
	s.body = body.Bytes()
	return nil
}

func h2Failure(err error, otherwise wire.Kind) *wire.Failure {
	kind := otherwise
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		kind = wire.Timeout
	case errors.Is(err, syscall.ECONNREFUSED):
		kind = wire.Refused
	case errors.Is(err, io.EOF) && otherwise == wire.Reset:
		kind = wire.EOF
	}
	return &wire.Failure{Kind: kind, Detail: err.Error()}
}
