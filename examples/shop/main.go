// Shop is the example app of Sidestep: a small Gin service that behaves as real services do (a config
// file, a start-up that takes time, slow requests, transfers, a WebSocket, an event stream, orders that
// must not be executed twice), and that can be told by its config file to misbehave.
//
// It knows nothing of Sidestep but two environment variables: $PORT and $SIDESTEP_GENERATION.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

type options struct {
	host, port, socket, config, ordersLog, tls string
	ungraceful                            bool
	drain                                 time.Duration
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.StringVar(&o.host, "host", "127.0.0.1", "address to listen on")
	flags.StringVar(&o.port, "port", envOr("PORT", "8080"), "port to listen on; default $PORT")
	flags.StringVar(&o.socket, "socket", "", "Unix socket to listen on in place of a port")
	flags.StringVar(&o.config, "config", os.Getenv("SIDESTEP_CONFIG"), "config file, YAML or JSON; default $SIDESTEP_CONFIG")
	flags.StringVar(&o.ordersLog, "orders-log", os.Getenv("SHOP_ORDERS_LOG"), "where executions of orders are recorded: a file, or tcp://HOST:PORT; default $SHOP_ORDERS_LOG")
	flags.StringVar(&o.tls, "tls", "", "folder with tls.crt and tls.key: speak TLS")
	flags.BoolVar(&o.ungraceful, "ungraceful", false, "die at SIGTERM at once")
	flags.DurationVar(&o.drain, "drain", 20*time.Second, "time for requests in flight after SIGTERM")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.socket == "" && os.Getenv("PORT") == "" && !isSet(flags, "port") {
		o.socket = os.Getenv("SIDESTEP_SOCKET")
	}
	if _, err := strconv.ParseUint(o.port, 10, 16); err != nil {
		return o, fmt.Errorf("--port %q: not a port; give a number from 0 to 65535", o.port)
	}
	return o, nil
}

func isSet(flags *flag.FlagSet, name string) (set bool) {
	flags.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

func envOr(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

func listen(o options) (net.Listener, error) {
	if o.socket == "" {
		return net.Listen("tcp", net.JoinHostPort(o.host, o.port))
	}
	if err := os.Remove(o.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", o.socket)
}

// serve returns when a signal has ended the server and everything in flight is done or past its deadline.
func serve(listener net.Listener, app *app, o options) error {
	// IdleTimeout stays off: whoever is in front decides how long a pooled connection lives.
	server := &http.Server{Handler: app.routes(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() {
		if o.tls == "" {
			ended <- server.Serve(listener)
		} else {
			ended <- server.ServeTLS(listener, filepath.Join(o.tls, "tls.crt"), filepath.Join(o.tls, "tls.key"))
		}
	}()
	stop := make(chan os.Signal, 1)
	if !o.ungraceful {
		signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	}
	select {
	case err := <-ended:
		return err
	case <-stop:
	}
	log.Printf("shop: stopping, %v for requests in flight", o.drain)
	ctx, cancel := context.WithTimeout(context.Background(), o.drain)
	defer cancel()
	app.stop()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("requests still in flight after %v: %w", o.drain, err)
	}
	app.waitForStreams(ctx)
	return nil
}

func run(args []string) int {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		return 2
	}
	config, err := loadConfig(o.config)
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		return 2
	}
	log.Printf("shop: version %s, generation %s, starting", config.Version, envOr("SIDESTEP_GENERATION", "0"))
	time.Sleep(config.startDelay)
	if config.CrashAtStart != "" {
		fmt.Fprintln(os.Stderr, "shop: fatal:", config.CrashAtStart)
		return 3
	}
	orders, err := openOrders(o.ordersLog)
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		return 2
	}
	listener, err := listen(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		return 1
	}
	log.Printf("shop: listening on %s", listener.Addr())
	if err := serve(listener, newApp(config, orders), o); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		return 1
	}
	return 0
}

func main() { os.Exit(run(os.Args[1:])) }
