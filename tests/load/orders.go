package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"sidestep.dev/tests/load/tally"
	"sidestep.dev/tests/load/wire"
)

const askTimeout = 10 * time.Second

// orderSources are the places that know which orders were executed.
type orderSources struct {
	options   options
	orders    *tally.Orders
	collector net.Listener // nil without --orders-listen

	mutex     sync.Mutex
	collected bytes.Buffer // guarded by mutex
}

func newOrderSources(o options, orders *tally.Orders) (*orderSources, error) {
	s := &orderSources{options: o, orders: orders}
	if o.ordersListen == "" {
		return s, nil
	}
	listener, err := net.Listen("tcp", o.ordersListen)
	if err != nil {
		return nil, fmt.Errorf("--orders-listen: %w", err)
	}
	s.collector = listener
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.collect(conn)
		}
	}()
	return s, nil
}

// collect answers "ok" to each line once it is kept; the app executes an order only after that.
func (s *orderSources) collect(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		s.mutex.Lock()
		s.collected.Write(lines.Bytes())
		s.collected.WriteByte('\n')
		s.mutex.Unlock()
		if _, err := io.WriteString(conn, "ok\n"); err != nil {
			return
		}
	}
}

func (s *orderSources) close() {
	if s.collector != nil {
		s.collector.Close()
	}
}

// read returns executions by order, or nil when no source was given.
func (s *orderSources) read() (map[string]int, error) {
	if s.options.ordersLog == "" && s.collector == nil && s.options.ordersURL == "" {
		return nil, nil
	}
	log := map[string]int{}
	if s.options.ordersLog != "" {
		file, err := os.Open(s.options.ordersLog)
		if err != nil {
			return nil, fmt.Errorf("--orders-log: %w", err)
		}
		defer file.Close()
		if err := s.orders.ParseLog(file, log); err != nil {
			return nil, fmt.Errorf("--orders-log: %w", err)
		}
	}
	if s.collector != nil {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if err := s.orders.ParseLog(&s.collected, log); err != nil {
			return nil, err
		}
	}
	if s.options.ordersURL != "" {
		for _, address := range strings.Split(s.options.ordersURL, ",") {
			if err := s.ask(address, log); err != nil {
				return nil, fmt.Errorf("--orders-from %s: %w", address, err)
			}
		}
	}
	return log, nil
}

func (s *orderSources) ask(address string, log map[string]int) error {
	conn, failure := wire.Dial(address, askTimeout)
	if failure != nil {
		return failure
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(askTimeout))
	if failure := conn.Send([]byte("GET /orders/log HTTP/1.1\r\nHost: " + s.options.host + "\r\nConnection: close\r\n\r\n")); failure != nil {
		return failure
	}
	head, failure := conn.ReadHead("GET")
	if failure != nil {
		return failure
	}
	if head.Status != 200 {
		return fmt.Errorf("status %d", head.Status)
	}
	var text bytes.Buffer
	for {
		piece, failure := conn.NextBody()
		if failure != nil {
			return failure
		}
		if piece == nil {
			return s.orders.ParseLog(&text, log)
		}
		text.Write(piece)
	}
}
