package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// reading is what our parser made of an input.
type reading struct {
	requests []request
	end      string // clean, more, bad, close
}

type request struct {
	method, target string
	body           []byte
	forwarded      []byte
}

func parseReading(text string) (reading, error) {
	var r reading
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		words := strings.Split(line, " ")
		switch {
		case words[0] == "request" && len(words) == 4:
			body, err := unhex(words[3])
			if err != nil {
				return r, err
			}
			r.requests = append(r.requests, request{method: words[1], target: words[2], body: body})
		case words[0] == "forward" && len(words) == 2 && len(r.requests) > 0:
			bytes, err := unhex(words[1])
			if err != nil {
				return r, err
			}
			r.requests[len(r.requests)-1].forwarded = bytes
		case words[0] == "end" && len(words) == 2:
			r.end = words[1]
		default:
			return r, fmt.Errorf("cannot read %q", line)
		}
	}
	return r, nil
}

func unhex(text string) ([]byte, error) {
	if text == "-" {
		return nil, nil
	}
	return hex.DecodeString(text)
}

// next reads one whole request as net/http does; false when it finds none, or refuses it.
func next(from *bufio.Reader) (request, bool) {
	r, err := http.ReadRequest(from)
	if err != nil {
		return request{}, false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return request{}, false
	}
	return request{method: r.Method, target: r.RequestURI, body: body}, true
}

// differs says how net/http reads otherwise what we have accepted; "" when it does not. That it refuses more is no
// difference: nobody is served another request for it.
func differs(input []byte, ours reading) string {
	from := bufio.NewReader(bytes.NewReader(input))
	for i, want := range ours.requests {
		if problem := compareForwarded(want); problem != "" {
			return fmt.Sprintf("request %d, forwarded: %s", i+1, problem)
		}
		got, ok := next(from)
		if !ok {
			return ""
		}
		if problem := compare(want, got); problem != "" {
			return fmt.Sprintf("request %d: %s", i+1, problem)
		}
	}
	if ours.end == "more" {
		if got, ok := next(from); ok {
			return fmt.Sprintf("after %d requests we wait for more, and net/http reads %s %s with %d bytes", len(ours.requests), got.method, got.target, len(got.body))
		}
	}
	return ""
}

func compare(want, got request) string {
	if got.method != want.method {
		return fmt.Sprintf("method %q, and net/http reads %q", want.method, got.method)
	}
	if strings.HasPrefix(got.target, "/") && got.target != want.target {
		return fmt.Sprintf("target %q, and net/http reads %q", want.target, got.target)
	}
	if !bytes.Equal(want.body, got.body) {
		return fmt.Sprintf("a body of %d bytes, and net/http reads %d", len(want.body), len(got.body))
	}
	return ""
}

// compareForwarded: what the app would get is one request, and the same.
func compareForwarded(want request) string {
	from := bufio.NewReader(bytes.NewReader(want.forwarded))
	got, ok := next(from)
	if !ok {
		return ""
	}
	if problem := compare(want, got); problem != "" && !strings.HasPrefix(want.target, "?") {
		return problem
	}
	if rest, _ := io.ReadAll(from); len(rest) > 0 {
		return fmt.Sprintf("%d bytes are left over", len(rest))
	}
	return ""
}
