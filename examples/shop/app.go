package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// app is one process of the shop. Its handlers share nothing but the counters below and the orders.
type app struct {
	config     config     // constant after construction
	generation string     // constant after construction
	readyAt    time.Time  // constant after construction
	orders     *orderBook // guards itself

	hellos   atomic.Uint64 // requests of /hello so far
	stopping chan struct{} // closed by stop()
	once     sync.Once
	streams  sync.WaitGroup // WebSockets and event streams that are still to be told
}

func newApp(config config, orders *orderBook) *app {
	return &app{
		config:     config,
		generation: envOr("SIDESTEP_GENERATION", "0"),
		readyAt:    time.Now().Add(config.warmUp),
		orders:     orders,
		stopping:   make(chan struct{}),
	}
}

func (a *app) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), a.identify)
	router.GET("/hello", a.hello)
	router.GET("/slow", a.slow)
	router.GET("/status", a.status)
	router.GET("/version", a.version)
	router.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	router.GET("/readyz", a.ready)
	router.POST("/orders", a.order)
	router.GET("/orders/log", a.ordersLog)
	router.POST("/upload", a.upload)
	router.GET("/download", a.download)
	router.GET("/events", a.events)
	router.GET("/ws", a.webSocket)
	router.POST("/crash", a.crash)
	return router
}

// identify names version and process in each answer, also in those without a body.
func (a *app) identify(c *gin.Context) {
	c.Header("X-Shop-Version", a.config.Version)
	c.Header("X-Shop-Generation", a.generation)
	c.Header("X-Shop-Pid", strconv.Itoa(os.Getpid()))
}

func (a *app) stop() { a.once.Do(func() { close(a.stopping) }) }

func (a *app) isStopping() bool {
	select {
	case <-a.stopping:
		return true
	default:
		return false
	}
}

func (a *app) hello(c *gin.Context) {
	if a.shouldFail(a.hellos.Add(1)) {
		a.page(c, http.StatusInternalServerError, "failure", "")
		return
	}
	a.page(c, http.StatusOK, "hello", "greeting="+a.config.Greeting)
}

// shouldFail spreads the failures evenly: after n requests exactly floor(n × rate) have failed.
func (a *app) shouldFail(n uint64) bool {
	rate := a.config.FailRate
	return math.Floor(float64(n)*rate) > math.Floor(float64(n-1)*rate)
}

func (a *app) slow(c *gin.Context) {
	wait, ok := a.number(c, "ms", 300, 600_000)
	if !ok {
		return
	}
	select {
	case <-time.After(time.Duration(wait) * time.Millisecond):
		a.page(c, http.StatusOK, "slow", fmt.Sprintf("ms=%d", wait))
	case <-c.Request.Context().Done():
	}
}

func (a *app) status(c *gin.Context) {
	if code, ok := a.number(c, "code", 200, 599); ok {
		a.page(c, max(code, 200), "status", "")
	}
}

func (a *app) version(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"version": a.config.Version, "generation": a.generation, "pid": os.Getpid()})
}

func (a *app) ready(c *gin.Context) {
	switch {
	case a.isStopping():
		c.String(http.StatusServiceUnavailable, "stopping\n")
	case a.config.NeverReady || time.Now().Before(a.readyAt):
		c.String(http.StatusServiceUnavailable, "warming up\n")
	default:
		c.String(http.StatusOK, "ready\n")
	}
}

func (a *app) crash(c *gin.Context) {
	if !a.config.AllowCrash {
		c.String(http.StatusForbidden, "allowCrash is not set in the config file\n")
		return
	}
	fmt.Fprintln(os.Stderr, "shop: fatal: crashed on request")
	os.Exit(4)
}

// number reads a query parameter from 0 to limit; a bad one is answered 400 and gives false.
func (a *app) number(c *gin.Context, name string, fallback, limit int) (int, bool) {
	text := c.Query(name)
	if text == "" {
		return fallback, true
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 || value > limit {
		c.String(http.StatusBadRequest, "%s=%q: give a number from 0 to %d\n", name, text, limit)
		return 0, false
	}
	return value, true
}
