// A gRPC app and its clients, for the integration tests.
//
//	grpcecho serve …             the app
//	grpcecho kinds ADDR          one call of each kind; prints what came of each as JSON
//	grpcecho unary ADDR …        calls until standard input ends; prints counts as JSON
//	grpcecho streams ADDR …      bidirectional streams that talk until standard input ends; the same
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"serve": serve, "kinds": kinds, "unary": unary, "streams": streams}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: grpcecho serve|kinds|unary|streams …")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "grpcecho:", err)
		os.Exit(1)
	}
}
