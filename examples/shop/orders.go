package main

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	maxOrderBytes    = 1 << 20
	maxOrders        = 4_000_000 // remembered ids; beyond it orders are refused rather than miscounted
	ordersLogTimeout = 5 * time.Second
)

// orderBook executes orders: it counts how often each id was executed in this process and records every
// execution in a log that all generations share, so that a double execution over generations is seen.
type orderBook struct {
	mutex  sync.Mutex
	counts map[string]int // guarded by mutex
	lines  []string       // guarded by mutex; every execution, in order
	record func(line string) error
}

// openOrders takes the path of a file that is appended to, or tcp://HOST:PORT of a collector that answers
// "ok" to each line; "" keeps the record in the process alone.
func openOrders(target string) (*orderBook, error) {
	book := &orderBook{counts: map[string]int{}, record: func(string) error { return nil }}
	if target == "" {
		return book, nil
	}
	if address, isTCP := strings.CutPrefix(target, "tcp://"); isTCP {
		collector := &collector{address: address}
		book.record = collector.record
		return book, nil
	}
	// One write with O_APPEND per line: lines of several processes never mix.
	file, err := os.OpenFile(target, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("--orders-log: %w", err)
	}
	book.record = func(line string) error { _, err := file.WriteString(line); return err }
	return book, nil
}

// execute returns how often this process has executed the order, this time included.
func (b *orderBook) execute(id, generation string) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.counts) >= maxOrders {
		return 0, fmt.Errorf("the order book is full (%d orders)", maxOrders)
	}
	line := fmt.Sprintf("%s %s %d\n", id, generation, os.Getpid())
	if err := b.record(line); err != nil {
		return 0, err
	}
	b.counts[id]++
	b.lines = append(b.lines, line)
	return b.counts[id], nil
}

func (a *app) order(c *gin.Context) {
	id := requestID(c)
	if id == "" || strings.ContainsAny(id, " \r\n") {
		c.String(http.StatusBadRequest, "an order needs ?id= or X-Request-Id, one word\n")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxOrderBytes))
	if err != nil {
		return // The client is gone before its order was whole: not executed.
	}
	executions, err := a.orders.execute(id, a.generation)
	if err != nil {
		c.String(http.StatusInternalServerError, "not executed: %v\n", err)
		return
	}
	a.page(c, http.StatusOK, "order",
		fmt.Sprintf("executions=%d length=%d body=%08x", executions, len(body), crc32.ChecksumIEEE(body)))
}

func (a *app) ordersLog(c *gin.Context) {
	a.orders.mutex.Lock()
	text := strings.Join(a.orders.lines, "")
	a.orders.mutex.Unlock()
	c.String(http.StatusOK, "%s", text)
}

// collector is the client of a log that lives with the load generator.
type collector struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

func (c *collector) record(line string) error {
	if c.conn != nil && c.isStale() {
		c.conn.Close()
		c.conn = nil
	}
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, ordersLogTimeout)
		if err != nil {
			return err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	err := c.exchange(line)
	if err != nil {
		c.conn.Close()
		c.conn = nil
	}
	return err
}

// isStale: the collector has closed, which is seen before anything is sent to it.
func (c *collector) isStale() bool {
	if c.conn.SetReadDeadline(time.Now().Add(100*time.Microsecond)) != nil {
		return true
	}
	_, err := c.reader.Peek(1)
	var timeout net.Error
	return !(errors.As(err, &timeout) && timeout.Timeout())
}

func (c *collector) exchange(line string) error {
	if err := c.conn.SetDeadline(time.Now().Add(ordersLogTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(c.conn, line); err != nil {
		return err
	}
	answer, err := c.reader.ReadString('\n')
	if err == nil && answer != "ok\n" {
		err = fmt.Errorf("collector answered %q", answer)
	}
	return err
}
