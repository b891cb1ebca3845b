package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type command struct {
	ID, Token, Reload string
	Weight            int `json:"weightPerTenThousand"`
}

// keys are the operator's public ones, read from the ConfigMap of a pod's namespace when a call names an unknown one.
type keys struct {
	api   *api
	lock  sync.Mutex
	known map[string]ed25519.PublicKey
}

func (k *keys) get(namespace, id string) (ed25519.PublicKey, error) {
	k.lock.Lock()
	defer k.lock.Unlock()
	if found, ok := k.known[id]; ok {
		return found, nil
	}
	trust, err := k.api.call(http.MethodGet, "/api/v1/namespaces/"+namespace+"/configmaps/sidestep-trust", "application/json", nil)
	if err != nil {
		return nil, err
	}
	data, _ := trust["data"].(object)
	text, _ := data[id+".pem"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("sidestep-trust has no key %s", id)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("key %s is not Ed25519", id)
	}
	if k.known == nil {
		k.known = map[string]ed25519.PublicKey{}
	}
	k.known[id] = key
	return key, nil
}

// listen answers for every address of 127.0.0.0/8: one socket that is bound to the loopback device.
func (f *fleet) listen() error {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var bound error
		err := raw.Control(func(fd uintptr) {
			bound = syscall.SetsockoptString(int(fd), syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, "lo")
		})
		if err != nil {
			return err
		}
		return bound
	}}
	listener, err := config.Listen(context.Background(), "tcp4", fmt.Sprintf("0.0.0.0:%d", f.port))
	if err != nil {
		return err
	}
	server := http.Server{Handler: http.HandlerFunc(f.answer)}
	go func() { log.Fatal("crowd: ", server.Serve(listener)) }()
	return nil
}

func (f *fleet) answer(w http.ResponseWriter, r *http.Request) {
	f.calls.Add(1)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	p := f.at(local.IP.String())
	if p == nil {
		http.Error(w, "no pod has this address", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	w.Header().Set("Sidestep-Boot", p.boot)
	if r.URL.Path == "/healthz" {
		reply(w, 200, object{})
		return
	}
	if why := f.refusal(p, r, body); why != "" {
		f.refusals.Add(1)
		reply(w, 401, object{"error": object{"kind": why, "message": why}})
		return
	}
	w.Header().Set("Sidestep-Pod", r.Header.Get("Sidestep-Pod"))
	w.Header().Set("Sidestep-Nonce", r.Header.Get("Sidestep-Nonce"))
	if r.Method == http.MethodGet {
		reply(w, 200, p.status(f.start, f.errors.Load()))
		return
	}
	f.commands.Add(1)
	p.of.first.commanded()
	var order command
	if r.URL.Path != "/v1/policy" {
		if err := json.Unmarshal(body, &order); err != nil {
			reply(w, 400, object{"error": object{"kind": "invalid", "message": err.Error()}})
			return
		}
	}
	status, said := p.command(r.URL.Path, order, f.start)
	reply(w, status, said)
}

func reply(w http.ResponseWriter, status int, body object) {
	text, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// refusal says why a signed call is not obeyed; empty when it is.
func (f *fleet) refusal(p *pod, r *http.Request, body []byte) string {
	p.lock.Lock()
	uid := p.uid
	p.lock.Unlock()
	if r.Header.Get("Sidestep-Pod") != uid || r.Header.Get("Sidestep-Boot") != p.boot {
		return "wrong pod or boot"
	}
	sent, _ := strconv.ParseInt(r.Header.Get("Sidestep-Time"), 10, 64)
	if since := time.Since(time.UnixMilli(sent)); since > 30*time.Second || since < -30*time.Second {
		return "time"
	}
	key, err := f.keys.get(p.of.namespace, r.Header.Get("Sidestep-Key"))
	if err != nil {
		return err.Error()
	}
	digest := sha256.Sum256(body)
	last := []string{}
	for _, name := range []string{"Time", "Nonce", "Epoch", "Lease", "Pod", "Boot"} {
		last = append(last, r.Header.Get("Sidestep-"+name))
	}
	text := strings.Join([]string{"sidestep-v1", r.Method, r.URL.RequestURI(), hex.EncodeToString(digest[:]), strings.Join(last, " ")}, "\n")
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get("Sidestep-Signature"))
	if err != nil || !ed25519.Verify(key, []byte(text), signature) {
		return "signature"
	}
	return ""
}
