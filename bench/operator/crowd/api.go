package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// api is a client of the API server for many requests at a time.
type api struct {
	server, token string
	client        *http.Client
}

type object = map[string]any

func newAPI(server, caFile, token string) (*api, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	return &api{server, token, &http.Client{Transport: transport, Timeout: 60 * time.Second}}, nil
}

// call sends one request; an answer that is not 2xx is an error. An object that exists already is not.
func (a *api) call(method, path, kind string, body any) (object, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(method, a.server+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", kind)
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 && !(method == http.MethodPost && answer.StatusCode == http.StatusConflict) {
		return nil, fmt.Errorf("%s %s: %d: %.300s", method, path, answer.StatusCode, read)
	}
	var out object
	return out, json.Unmarshal(read, &out)
}

func (a *api) create(path string, body object) (object, error) {
	return a.call(http.MethodPost, path, "application/json", body)
}

func (a *api) merge(path string, body object) (object, error) {
	return a.call(http.MethodPatch, path, "application/merge-patch+json", body)
}

// forAll runs work(0) … work(count-1), `most` at a time, and returns the first error.
func forAll(count, most int, work func(int) error) error {
	var group sync.WaitGroup
	var once sync.Once
	var first error
	next := make(chan int)
	for range min(most, count) {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range next {
				if err := work(i); err != nil {
					once.Do(func() { first = err })
				}
			}
		}()
	}
	for i := range count {
		next <- i
	}
	close(next)
	group.Wait()
	return first
}
