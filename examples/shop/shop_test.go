package main

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func startShop(t *testing.T, text string, ordersLog string) (*app, string) {
	t.Helper()
	config, err := parseConfig("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	orders, err := openOrders(ordersLog)
	if err != nil {
		t.Fatal(err)
	}
	app := newApp(config, orders)
	server := httptest.NewServer(app.routes())
	t.Cleanup(server.Close)
	return app, server.URL
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestEveryByteOfAPageIsCoveredByItsChecksum(t *testing.T) {
	_, url := startShop(t, `{"version": "7", "greeting": "good day"}`, "")
	_, body := get(t, url+"/hello?id=x1&bytes=100")
	rest, sum, found := strings.Cut(body, "crc32=")
	if !found || sum != fmt.Sprintf("%08x\n", crc32.ChecksumIEEE([]byte(rest))) {
		t.Fatalf("checksum is wrong in %q", body)
	}
	first := fmt.Sprintf("hello version=7 generation=0 pid=%d id=x1 greeting=good day\n", os.Getpid())
	if !strings.HasPrefix(rest, first) || len(rest) != len(first)+100 {
		t.Fatalf("unexpected page %q", body)
	}
}

func TestMistakesInTheConfigAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"failRate: 2":       "failRate 2: out of range",
		"startDelay: 5":     `startDelay "5": not a duration`,
		"warmUp: soon":      `warmUp "soon": not a duration`,
		"version: a b":      "must be one word",
		"verison: 2":        "verison",
		"greeting: \"\\n\"": "must be one line",
	} {
		_, err := parseConfig("shop.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "shop.yaml") {
			t.Errorf("%q: got error %v, want one with %q", text, err, want)
		}
	}
}

func TestFailRateIsExact(t *testing.T) {
	_, url := startShop(t, "failRate: 0.2", "")
	failed := 0
	for range 50 {
		if code, _ := get(t, url+"/hello"); code == http.StatusInternalServerError {
			failed++
		}
	}
	if failed != 10 {
		t.Fatalf("%d of 50 requests failed, want 10", failed)
	}
}

func TestReadinessFollowsWarmUpAndNeverReady(t *testing.T) {
	warm, url := startShop(t, "warmUp: 1h", "")
	if code, _ := get(t, url+"/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("ready while warming up: %d", code)
	}
	warm.readyAt = time.Now()
	if code, _ := get(t, url+"/readyz"); code != http.StatusOK {
		t.Errorf("not ready after the warm-up: %d", code)
	}
	if _, url = startShop(t, "neverReady: true", ""); true {
		if code, _ := get(t, url+"/readyz"); code != http.StatusServiceUnavailable {
			t.Errorf("neverReady is ready: %d", code)
		}
	}
}

func TestOrdersAreCountedPerProcessAndLoggedForAll(t *testing.T) {
	log := filepath.Join(t.TempDir(), "orders")
	_, url := startShop(t, "", log)
	for _, want := range []string{"executions=1 length=4", "executions=2 length=4"} {
		answer, err := http.Post(url+"/orders?id=o1", "text/plain", strings.NewReader("soap"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("answer %q lacks %q", body, want)
		}
	}
	recorded, _ := os.ReadFile(log)
	line := fmt.Sprintf("o1 0 %d\n", os.Getpid())
	if string(recorded) != line+line {
		t.Errorf("log is %q", recorded)
	}
	if _, body := get(t, url+"/orders/log"); body != line+line {
		t.Errorf("/orders/log is %q", body)
	}
}

func TestAnOrderThatTheCollectorDoesNotTakeIsNotExecuted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	book, _ := openOrders("tcp://" + address)
	if _, err := book.execute("o1", "0"); err == nil || book.counts["o1"] != 0 {
		t.Fatalf("executed without a record: %v, %v", err, book.counts)
	}
}

func TestACollectorThatWasReplacedIsAskedAnew(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	gone := make(chan struct{})
	go func() { // each connection takes one line
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, "ok\n")
			conn.Close()
			gone <- struct{}{}
		}
	}()
	book, _ := openOrders("tcp://" + listener.Addr().String())
	for _, id := range []string{"o1", "o2"} {
		if _, err := book.execute(id, "0"); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		<-gone
	}
}

func TestDownloadIsTheSequenceOfItsSeed(t *testing.T) {
	_, url := startShop(t, "", "")
	want := make([]byte, downloadBlock)
	fillSequence(want, 42)
	for _, chunked := range []string{"", "&chunked=1"} {
		if _, body := get(t, url+"/download?bytes=1001&seed=42"+chunked); body != string(want[:1001]) {
			t.Errorf("wrong bytes with %q", chunked)
		}
	}
}

func TestStreamsAreToldAtTheEnd(t *testing.T) {
	app, url := startShop(t, "", "")
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	events, err := http.Get(url + "/events?ms=10")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	reader := bufio.NewReader(events.Body)
	if line, _ := reader.ReadString('\n'); line != "id: 0\n" {
		t.Errorf("first event begins with %q", line)
	}
	app.stop()
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("WebSocket ended with %v, want close code 1001", err)
	}
	if rest, _ := io.ReadAll(reader); !bytes.Contains(rest, []byte("event: bye\n")) {
		t.Errorf("event stream ended without a bye: %q", rest)
	}
}
