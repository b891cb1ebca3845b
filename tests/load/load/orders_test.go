package load

import (
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"testing"
)

var orders = Spec{Name: "order", Kind: "order", Clients: 3, PauseMs: 2, TimeoutMs: 5000}

// ordering executes an order as often as told, and answers or does not.
func ordering(name string, executions int, answers bool) act {
	return act{name, func(r *rogue, c *net.TCPConn, request *http.Request) bool {
		body, _ := io.ReadAll(request.Body)
		id := request.URL.Query().Get("id")
		r.mutex.Lock()
		for range executions {
			fmt.Fprintf(&r.log, "%s 1 7\n", id)
		}
		r.mutex.Unlock()
		if !answers {
			return false
		}
		rest := fmt.Sprintf("executions=1 length=%d body=%08x", len(body), crc32.ChecksumIEEE(body))
		return write(c, answer("200 OK", shopHead, withChecksum(
			fmt.Sprintf("order version=1 generation=1 pid=7 id=%s %s\n", id, rest))))
	}}
}

func TestOrdersAreComparedWithWhatTheAppRecorded(t *testing.T) {
	plan := []act{
		ordering("once", 1, true), ordering("twice", 2, true), ordering("lost", 0, false),
		ordering("executed though lost", 1, false), ordering("not executed", 0, true), ordering("lost and twice", 2, false),
	}
	r := newRogue(t, func(n int) act {
		if n < 30 {
			return plan[n%len(plan)]
		}
		return plan[0]
	})
	report := r.load(orders, 60).Orders
	if report.Twice != 10 || report.ExecutedThoughLost != 10 || report.AnsweredNotExecuted != 5 || report.Lost != 15 {
		t.Errorf("5 of each, counted %+v", report)
	}
	if report.Answered != r.count("once")+r.count("twice")+r.count("not executed") || !report.LogChecked {
		t.Errorf("answered orders: %+v", report)
	}
}

func TestAnOrderThatArrivedChangedIsWrong(t *testing.T) {
	r := newRogue(t, func(int) act {
		return act{"changed", func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
			return write(c, answer("200 OK", shopHead, withChecksum(fmt.Sprintf(
				"order version=1 generation=1 pid=7 id=%s executions=1 length=512 body=00000000\n", request.URL.Query().Get("id")))))
		}}
	})
	report := r.load(orders, 10)
	if report.Total.OK != 0 || report.Total.LostByKind["bytes"] != report.Total.Lost || report.Total.Lost < 10 {
		t.Errorf("counted %v", report.Total.LostByKind)
	}
}
