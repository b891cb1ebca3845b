package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"
)

const closeWait = time.Second // for the client's answer to our Close frame

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// webSocket echoes each message. At the end of the process the client is told with a Close frame (1001).
func (a *app) webSocket(c *gin.Context) {
	a.streams.Add(1)
	defer a.streams.Done()
	head := http.Header{}
	for _, name := range []string{"X-Shop-Version", "X-Shop-Generation", "X-Shop-Pid"} {
		head.Set(name, c.Writer.Header().Get(name))
	}
	conn, err := upgrader.Upgrade(c.Writer, c.Request, head)
	if err != nil {
		return // Upgrade has answered the request.
	}
	defer conn.Close()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-a.stopping:
			message := websocket.FormatCloseMessage(websocket.CloseGoingAway, "the shop closes")
			_ = conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(closeWait))
			_ = conn.SetReadDeadline(time.Now().Add(closeWait))
		case <-done:
		}
	}()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, message) != nil {
			return
		}
	}
}

// events sends one numbered event every ?ms=, and "event: bye" before the process ends.
func (a *app) events(c *gin.Context) {
	interval, ok := a.number(c, "ms", 100, 60_000)
	if !ok {
		return
	}
	a.streams.Add(1)
	defer a.streams.Done()
	c.Header("Content-Type", "text/event-stream")
	c.Header("Cache-Control", "no-store")
	ticker := time.NewTicker(max(time.Duration(interval)*time.Millisecond, time.Millisecond))
	defer ticker.Stop()
	for number := 0; ; number++ {
		fmt.Fprintf(c.Writer, "id: %d\ndata: version=%s generation=%s\n\n", number, a.config.Version, a.generation)
		c.Writer.Flush()
		select {
		case <-ticker.C:
		case <-a.stopping:
			fmt.Fprintf(c.Writer, "event: bye\ndata: version=%s\n\n", a.config.Version)
			return
		case <-c.Request.Context().Done():
			return
		}
	}
}

// waitForStreams returns when every stream has been told, or with the context.
func (a *app) waitForStreams(ctx context.Context) {
	told := make(chan struct{})
	go func() { a.streams.Wait(); close(told) }()
	select {
	case <-told:
	case <-ctx.Done():
	}
}
