package load

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sidestep.dev/tests/load/tally"
)

// rogue is a server that misbehaves in counted ways: plan says what becomes of the n-th request (from 0),
// and the test compares its own count with the generator's.
type rogue struct {
	t        *testing.T
	listener net.Listener
	plan     func(n int) act

	mutex sync.Mutex
	n     int
	done  map[string]int
	log   strings.Builder // orders executed
}

// act is what the rogue does with one request; false ends the connection.
type act struct {
	name string
	do   func(r *rogue, c *net.TCPConn, request *http.Request) bool
}

func newRogue(t *testing.T, plan func(n int) act) *rogue {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rogue{t: t, listener: listener, plan: plan, done: map[string]int{}}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(conn.(*net.TCPConn))
		}
	}()
	return r
}

func (r *rogue) serve(conn *net.TCPConn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if request.ContentLength < 64<<10 { // Larger bodies are the acts' own affair.
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return
			}
			request.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		action := r.next()
		if !action.do(r, conn, request) {
			return
		}
	}
}

func (r *rogue) next() act {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	action := r.plan(r.n)
	r.n++
	r.done[action.name]++
	return action
}

func (r *rogue) count(name string) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.done[name]
}

// every misbehaves at each k-th request, n times, and is good otherwise.
func every(k, n int, bad act) func(int) act {
	return func(i int) act {
		if i%k == k-1 && i/k < n {
			return bad
		}
		return good
	}
}

// load runs one class of clients until the rogue has had so many requests, and gives the report.
func (r *rogue) load(spec Spec, requests int) *tally.Report {
	return r.loadUntil(spec, func() bool {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		return r.n >= requests
	})
}

func (r *rogue) loadUntil(spec Spec, enough func() bool) *tally.Report {
	r.t.Helper()
	if err := spec.complete(); err != nil {
		r.t.Fatal(err)
	}
	env, recorder := r.env()
	env.Start([]Spec{spec})
	deadline := time.Now().Add(20 * time.Second)
	for !enough() && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	recorder.Finish(time.Now(), env.Clients())
	if !env.Stop(10 * time.Second) {
		r.t.Fatal("clients did not stop")
	}
	report := recorder.Report(time.Now())
	log := map[string]int{}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err := env.Orders.ParseLog(strings.NewReader(r.log.String()), log); err != nil {
		r.t.Fatal(err)
	}
	report.Orders = env.Orders.Report(log)
	return report
}

func (r *rogue) env() (*Env, *tally.Recorder) {
	recorder := tally.NewRecorder(tally.Limits{Failures: 50, Bucket: time.Second, Buckets: 100}, time.Now())
	return &Env{Target: r.listener.Addr().String(), Host: "shop.test", Check: CheckPage,
		Orders: tally.NewOrders("t-"), Recorder: recorder}, recorder
}

const shopHead = "X-Shop-Version: 1\r\nX-Shop-Generation: 1\r\n"

// pageFor is the right body for a request, as the example app makes it.
func pageFor(request *http.Request, rest string) string {
	kind := strings.TrimPrefix(request.URL.Path, "/")
	text := fmt.Sprintf("%s version=1 generation=1 pid=7 id=%s %s\n", kind, request.URL.Query().Get("id"), rest)
	return withChecksum(text)
}

func withChecksum(text string) string {
	return text + fmt.Sprintf("crc32=%08x\n", crc32.ChecksumIEEE([]byte(text)))
}

func answer(status, head, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, head, len(body), body)
}

func write(c net.Conn, text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

func reset(c *net.TCPConn) bool {
	_ = c.SetLinger(0)
	c.Close()
	return false
}

func goodAnswer(request *http.Request) string {
	return answer("200 OK", shopHead, pageFor(request, "greeting=hello"))
}

var good = act{"good", func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
	return write(c, goodAnswer(request))
}}
