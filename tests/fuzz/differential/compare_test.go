package main

import (
	"math/rand/v2"
	"strings"
	"testing"
)

const get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

// whole is a reading as ours would be, of requests that go on as they came.
func whole(end string, requests ...string) reading {
	r := reading{end: end}
	for _, text := range requests {
		method, rest, _ := strings.Cut(text, " ")
		target, _, _ := strings.Cut(rest, " ")
		_, body, _ := strings.Cut(text, "\r\n\r\n")
		r.requests = append(r.requests, request{method: method, target: target, body: []byte(body), forwarded: []byte(text)})
	}
	return r
}

func TestTheSameReadingIsNoDifference(t *testing.T) {
	if problem := differs([]byte(get+get), whole("clean", get, get)); problem != "" {
		t.Error(problem)
	}
}

func TestWhatNetHttpRefusesIsNoDifference(t *testing.T) {
	if problem := differs([]byte("GET /a HTTP/1.1\r\n\r\n\r\n"), whole("clean", get)); problem != "" {
		t.Error(problem)
	}
}

func TestAnotherBodyMethodTargetOrNumberOfRequestsIsFound(t *testing.T) {
	post := "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	for name, test := range map[string]struct {
		input string
		ours  reading
	}{
		"body":    {post, whole("clean", strings.TrimSuffix(post, "o"))},
		"method":  {get, whole("clean", strings.Replace(get, "GET", "PUT", 1))},
		"target":  {get, whole("clean", strings.Replace(get, "/a", "/b", 1))},
		"more":    {get + get, whole("more", get)},
		"forward": {get, reading{end: "clean", requests: []request{{method: "GET", target: "/a", forwarded: []byte(get + get)}}}},
	} {
		if differs([]byte(test.input), test.ours) == "" {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestReadingsAreParsed(t *testing.T) {
	r, err := parseReading("request POST /a 6869\nforward 4142\nend more\n")
	if err != nil || len(r.requests) != 1 || string(r.requests[0].body) != "hi" || string(r.requests[0].forwarded) != "AB" || r.end != "more" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := parseReading("nonsense"); err == nil {
		t.Error("nonsense was read")
	}
}

func TestMutationsStayBoundedAndDependOnTheSeedAlone(t *testing.T) {
	seeds := [][]byte{[]byte(get), []byte(strings.Repeat("x", 8192))}
	one, two := rand.New(rand.NewPCG(1, 0)), rand.New(rand.NewPCG(1, 0))
	for range 1000 {
		a, b := mutate(one, seeds), mutate(two, seeds)
		if len(a) > 8192 || string(a) != string(b) {
			t.Fatalf("%d bytes, %v", len(a), string(a) == string(b))
		}
	}
}
