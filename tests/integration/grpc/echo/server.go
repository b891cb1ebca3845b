package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// serve is the app: it listens on $PORT and ends gracefully (GOAWAY) at SIGTERM.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	executed := flags.String("executed", "", "append the first word of each unary call here")
	cancelled := flags.String("cancelled", "", "append the kind of each call whose client left here")
	maxAge := flags.Duration("max-age", 0, "send GOAWAY on connections of that age")
	maxStreams := flags.Uint("max-streams", 0, "streams on one connection")
	_ = flags.Parse(args)

	service := &echo{generation: os.Getenv("SIDESTEP_GENERATION")}
	for name, file := range map[string]**os.File{*executed: &service.executed, *cancelled: &service.cancelled} {
		if name == "" {
			continue
		}
		opened, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		*file = opened
	}
	options := []grpc.ServerOption{}
	if *maxAge > 0 {
		options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: *maxAge, MaxConnectionAgeGrace: time.Minute}))
	}
	if *maxStreams > 0 {
		options = append(options, grpc.MaxConcurrentStreams(uint32(*maxStreams)))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&echoService, service)
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM)
	go func() {
		<-ends
		server.GracefulStop()
	}()
	fmt.Println("listening on", listener.Addr())
	return server.Serve(listener)
}
