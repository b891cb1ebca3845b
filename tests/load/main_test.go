package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidestep.dev/tests/load/load"
	"sidestep.dev/tests/load/tally"
)

// server answers everything with the status; /orders/log with one order executed twice.
func server(t *testing.T, status int) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/orders/log" {
			_, _ = io.WriteString(w, "me-1 1 7\nme-1 2 8\n")
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func runFor(t *testing.T, args ...string) (int, tally.Report) {
	t.Helper()
	folder := t.TempDir()
	shape, file := filepath.Join(folder, "shape.json"), filepath.Join(folder, "report.json")
	if err := os.WriteFile(shape, []byte(`[{"kind": "get", "clients": 2, "pauseMs": 5}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	code := run(append([]string{"--shape", shape, "--report", file, "--check", "none", "--quiet", "--fail-on-loss"}, args...))
	var report tally.Report
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &report); err != nil {
			t.Fatal(err)
		}
	}
	return code, report
}

func TestExitCodeTellsWhetherAnythingWasLost(t *testing.T) {
	if code, report := runFor(t, "--target", server(t, 200), "--duration", "100ms"); code != 0 || report.Total.OK == 0 {
		t.Errorf("exit %d with %+v", code, report.Verdict)
	}
	if code, report := runFor(t, "--target", server(t, 502), "--duration", "100ms"); code != exitLost || report.Verdict.Lost == 0 {
		t.Errorf("exit %d with %+v", code, report.Verdict)
	}
}

func TestClientsThatStillWaitAtTheEndAreInTheVerdict(t *testing.T) {
	before := stopLimit
	stopLimit = 100 * time.Millisecond
	defer func() { stopLimit = before }()
	begun, end := make(chan struct{}, 100), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun <- struct{}{}; <-end }))
	defer s.Close()
	defer close(end)
	code, report := runFor(t, "--target", s.Listener.Addr().String(), "--duration", "200ms", "--timeout", "1m")
	if code != exitLost || report.Verdict.UnderWay != 2 || len(begun) != 2 {
		t.Errorf("exit %d with %+v", code, report.Verdict)
	}
}

func TestOrdersThatWereAnsweredAndNotExecutedAreInTheVerdict(t *testing.T) {
	orders := tally.NewOrders("me-")
	orders.Answered("me-9", 1)
	s := &session{env: &load.Env{Orders: orders}, recorder: tally.NewRecorder(tally.Limits{Bucket: time.Second, Buckets: 1}, time.Now())}
	if verdict := s.report(map[string]int{}).Verdict; verdict.NotExecuted != 1 || verdict.IsGood() {
		t.Errorf("verdict %+v", verdict)
	}
}

func TestMistakesInFlagsExitTwo(t *testing.T) {
	for _, args := range [][]string{
		{"--shape", "no-such"}, {"--check", "all"}, {"--scale", "0"}, {"--shape", "rate", "--rate", "-1", "--scale", "-1"}, {"more"}, {"--idle"},
	} {
		if code := run(append([]string{"--report", os.DevNull}, args...)); code != exitUsage {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

func control(t *testing.T, socket, method, path string) string {
	t.Helper()
	return send(t, socket, method, path, "")
}

func send(t *testing.T, socket, method, path, body string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	for range 200 {
		request, _ := http.NewRequest(method, "http://control"+path, strings.NewReader(body))
		if answer, err := client.Do(request); err == nil {
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			return string(body)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the control does not answer")
	return ""
}

func TestTheControlMarksReportsAndStops(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control")
	go func() {
		control(t, socket, "POST", "/mark?name=reload-1")
		if report := control(t, socket, "GET", "/report"); !strings.Contains(report, `"name":"reload-1"`) {
			t.Errorf("live report is %s", report)
		}
		control(t, socket, "POST", "/stop")
	}()
	code, report := runFor(t, "--target", server(t, 200), "--control", "unix:"+socket, "--duration", "20s")
	if code != 0 || len(report.Windows) != 2 || report.Windows[1].Name != "reload-1" || report.Seconds > 10 {
		t.Errorf("exit %d after %v s, windows %+v", code, report.Seconds, report.Windows)
	}
}

func TestIdleItBeginsWhenToldWithWhatItIsTold(t *testing.T) {
	socket, address := filepath.Join(t.TempDir(), "control"), server(t, 200)
	go func() {
		if said := control(t, socket, "POST", "/begin?target="+address); !strings.Contains(said, "give ?target=") {
			t.Errorf("a begin without classes was answered %q", said)
		}
		send(t, socket, "POST", "/begin?target="+address, `[{"name": "told", "kind": "get", "pauseMs": 5}]`)
		time.Sleep(100 * time.Millisecond)
		control(t, socket, "POST", "/stop")
	}()
	code, report := runFor(t, "--idle", "--control", "unix:"+socket, "--duration", "20s")
	if code != 0 || report.Target != address || report.Classes["told"] == nil || report.Total.OK == 0 || report.Seconds > 10 {
		t.Errorf("exit %d after %v s at %s, %+v", code, report.Seconds, report.Target, report.Verdict)
	}
}

func TestOrdersAreReadFromFileCollectorAndApps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "orders")
	if err := os.WriteFile(file, []byte("me-2 1 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options{ordersLog: file, ordersListen: "127.0.0.1:0", ordersURL: server(t, 200)}
	sources, err := newOrderSources(o, tally.NewOrders("me-"))
	if err != nil {
		t.Fatal(err)
	}
	defer sources.close()
	conn, err := net.Dial("tcp", sources.collector.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "me-3 1 7\n"); err != nil {
		t.Fatal(err)
	}
	if answer, _ := bufio.NewReader(conn).ReadString('\n'); answer != "ok\n" {
		t.Errorf("collector answered %q", answer)
	}
	log, err := sources.read()
	if err != nil || log["me-1"] != 2 || log["me-2"] != 1 || log["me-3"] != 1 {
		t.Errorf("log %v, %v", log, err)
	}
}
