package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"sidestep.dev/tests/load/load"
)

func listen(address string) (net.Listener, error) {
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		_ = os.Remove(path)
		return net.Listen("unix", path)
	}
	return net.Listen("tcp", address)
}

// serveControl lets scripts look at a running load: GET /report, POST /mark?name=NAME, POST /stop.
func serveControl(s *session, address string) (*http.Server, error) {
	listener, err := listen(address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.report(nil))
	})
	mux.HandleFunc("POST /mark", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if name == "" {
			http.Error(w, "give ?name=", http.StatusBadRequest)
			return
		}
		s.mark(name)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		s.askToStop()
		w.WriteHeader(http.StatusNoContent)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}

// awaitBegin waits for POST /begin at the control's address, and says what it asked for.
func awaitBegin(address string) (target string, specs []load.Spec, err error) {
	listener, err := listen(address)
	if err != nil {
		return "", nil, err
	}
	begun, once := make(chan struct{}), sync.Once{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /begin", func(w http.ResponseWriter, r *http.Request) {
		asked, err := load.ParseSpecs(r.Body)
		if err != nil || r.URL.Query().Get("target") == "" {
			http.Error(w, "give ?target= and a list of classes", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		once.Do(func() {
			target, specs = r.URL.Query().Get("target"), asked
			close(begun)
		})
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	<-begun
	limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return target, specs, server.Shutdown(limit)
}
