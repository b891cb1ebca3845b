package load

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"sidestep.dev/tests/load/tally"
	"sidestep.dev/tests/load/wire"
)

// h2Server answers pages over HTTP/2 by prior knowledge; every fifth request fares badly.
func h2Server(t *testing.T, bad http.HandlerFunc) (target string, served *atomic.Int64) {
	served = new(atomic.Int64)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1)%5 == 0 {
			bad(w, r)
			return
		}
		w.Header().Set("X-Shop-Version", "1")
		w.Header().Set("X-Shop-Generation", "1")
		_, _ = w.Write([]byte(pageFor(r, "")))
	})}
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String(), served
}

func runH2(t *testing.T, bad http.HandlerFunc) *tally.Report {
	target, served := h2Server(t, bad)
	recorder := tally.NewRecorder(tally.Limits{Failures: 10, Bucket: time.Second, Buckets: 100}, time.Now())
	env := &Env{Target: target, Host: "shop.test", Check: CheckPage, Orders: tally.NewOrders("t-"), Recorder: recorder}
	env.Start([]Spec{{Name: "h2", Kind: "h2", Clients: 4, Path: "/hello", TimeoutMs: 2000}})
	for served.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	recorder.Finish(time.Now(), env.Clients())
	if !env.Stop(5 * time.Second) {
		t.Fatal("clients hang")
	}
	return recorder.Report(time.Now())
}

func TestLossesOverHTTP2AreCounted(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	half := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	status := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }
	wrong := func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("nonsense")) }
	for kind, bad := range map[wire.Kind]http.HandlerFunc{wire.Reset: abort, wire.Truncated: half, wire.Status: status, wire.WrongBytes: wrong} {
		report := runH2(t, bad)
		if report.Total.LostByKind[kind] < 5 || report.Total.OK < 20 {
			t.Errorf("%s: %d lost as %v, %d good", kind, report.Verdict.Lost, report.Total.LostByKind, report.Total.OK)
		}
	}
}
