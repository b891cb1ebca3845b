// Command crowd makes the objects of a large fleet in a Kubernetes API server and answers for all of its pods: sidecars as
// docs/contracts.md describes them, at one address of 127.0.0.0/8 each, on one port, in one process. It speaks to loopback
// alone. Orders come as JSON over HTTP (orders.go); the address for them is printed.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	server := flag.String("server", "", "URL of the API server")
	ca := flag.String("ca", "", "file with its certificate")
	token := flag.String("token", "", "token for it")
	port := flag.Int("port", 18087, "control port of all pods")
	start := flag.Duration("start", 150*time.Millisecond, "until a candidate is ready")
	flag.Parse()
	api, err := newAPI(*server, *ca, *token)
	if err != nil {
		log.Fatal("crowd: ", err)
	}
	fleet := newFleet(api, *port, *start)
	if err := fleet.listen(); err != nil {
		log.Fatal("crowd: ", err)
	}
	orders, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal("crowd: ", err)
	}
	fmt.Printf("http://%s\n", orders.Addr())
	go func() { // ends with its owner, who holds the other end
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	log.Fatal("crowd: ", http.Serve(orders, ordersOf(fleet)))
}

// address of pod i: 127.1.0.1, 127.1.0.2, …
func address(i int) string {
	return fmt.Sprintf("127.%d.%d.%d", 1+i/(250*250), i/250%250, 1+i%250)
}

// indexOf is the inverse of address; false for an address that is no pod's.
func indexOf(ip string) (int, bool) {
	var b, c, d int
	if n, err := fmt.Sscanf(strings.TrimPrefix(ip, "127."), "%d.%d.%d", &b, &c, &d); err != nil || n != 3 || b < 1 || d < 1 {
		return 0, false
	}
	return ((b-1)*250+c)*250 + d - 1, true
}
