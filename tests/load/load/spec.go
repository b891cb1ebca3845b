// Package load has the clients: what each kind sends, when, and what it takes for a good answer.
package load

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// Spec describes one class of clients. Zero values mean the default of the kind.
type Spec struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`      // get, order, h2, h2order, fresh, rate, ws, sse, upload, download
	Clients   int     `json:"clients"`   // kept connections or streams; ignored by fresh
	PerSecond float64 `json:"perSecond"` // get, order: of each client; fresh, rate: of the class
	PauseMs   float64 `json:"pauseMs"`   // get, order without perSecond: between answer and next request
	Path      string  `json:"path"`
	Bytes     int     `json:"bytes"` // page filler, order body, message, or transfer
	SpreadMs  int     `json:"spreadMs"`
	TimeoutMs int     `json:"timeoutMs"`
}

func (s Spec) timeout() time.Duration { return time.Duration(s.TimeoutMs) * time.Millisecond }
func (s Spec) pause() time.Duration   { return time.Duration(s.PauseMs * float64(time.Millisecond)) }

type kindDefaults struct {
	path      string
	bytes     int
	timeoutMs int
	pauseMs   float64
	isStream  bool
	start     func(*Env, Spec)
}

var kinds map[string]kindDefaults

func init() { // Not a plain initialiser: the functions refer to kinds again.
	kinds = map[string]kindDefaults{
		"get":      {path: "/hello", bytes: 0, timeoutMs: 5000, start: startKept},
		"order":    {path: "/orders", bytes: 512, timeoutMs: 5000, start: startKept},
		"h2":       {path: "/hello", bytes: 0, timeoutMs: 5000, start: startH2},
		"h2order":  {path: "/orders", bytes: 512, timeoutMs: 5000, start: startH2},
		"fresh":    {path: "/hello", bytes: 0, timeoutMs: 5000, start: startFresh},
		"rate":     {path: "/hello", bytes: 0, timeoutMs: 5000, start: startRate},
		"ws":       {path: "/ws", bytes: 64, timeoutMs: 5000, pauseMs: 100, isStream: true, start: startWebSockets},
		"sse":      {path: "/events", bytes: 0, timeoutMs: 5000, pauseMs: 100, isStream: true, start: startEvents},
		"upload":   {path: "/upload", bytes: 1 << 20, timeoutMs: 15000, start: startUploads},
		"download": {path: "/download", bytes: 1 << 20, timeoutMs: 15000, start: startDownloads},
	}
}

// shapes are the loads that have a name.
var shapes = map[string][]Spec{
	// The load of the published baselines of reload tools.
	"baseline": {
		{Name: "get", Kind: "get", Clients: 10, PauseMs: 5},
		{Name: "order", Kind: "order", Clients: 4, PauseMs: 5},
		{Name: "slow", Kind: "get", Clients: 2, PauseMs: 5, Path: "/slow?ms=300"},
		{Name: "fresh", Kind: "fresh", PerSecond: 200},
		{Name: "ws", Kind: "ws", Clients: 8, PauseMs: 100},
	},
	// Saturated kept connections, and new ones all the time.
	"busy": {
		{Name: "busy", Kind: "get", Clients: 64},
		{Name: "fresh", Kind: "fresh", PerSecond: 200},
	},
	// A constant rate whose latencies are counted from the planned time of each request.
	"rate": {{Name: "rate", Kind: "rate", Clients: 64, PerSecond: 1000}},
	// The mix that the Kubernetes baselines were measured with, less gRPC.
	"kubernetes": {
		{Name: "get", Kind: "get", Clients: 16, PerSecond: 25},
		{Name: "fresh", Kind: "fresh", PerSecond: 50},
		{Name: "order", Kind: "order", Clients: 4, PerSecond: 5},
		{Name: "slow", Kind: "get", Clients: 4, Path: "/slow?ms=500"},
		{Name: "upload", Kind: "upload", Clients: 2, SpreadMs: 2000},
		{Name: "download", Kind: "download", Clients: 2, SpreadMs: 2000},
		{Name: "ws", Kind: "ws", Clients: 20, PauseMs: 100},
		{Name: "sse", Kind: "sse", Clients: 10, PauseMs: 100},
	},
	"streams": {
		{Name: "ws", Kind: "ws", Clients: 20, PauseMs: 100},
		{Name: "sse", Kind: "sse", Clients: 10, PauseMs: 100},
	},
	"transfers": {
		{Name: "upload", Kind: "upload", Clients: 2, Bytes: 5 << 20},
		{Name: "download", Kind: "download", Clients: 2, Bytes: 5 << 20},
	},
}

// Specs takes names of shapes or JSON files with a list of classes, separated by commas.
func Specs(list string, scale float64) ([]Spec, error) {
	if scale <= 0 {
		return nil, fmt.Errorf("--scale %v: must be above 0", scale)
	}
	var specs []Spec
	for _, name := range strings.Split(list, ",") {
		more, known := shapes[name]
		if !known {
			var err error
			if more, err = readSpecs(name); err != nil {
				return nil, err
			}
		}
		specs = append(specs, more...)
	}
	specs = slices.Clone(specs)
	for i := range specs {
		specs[i] = specs[i].scaled(scale)
		if err := specs[i].complete(); err != nil {
			return nil, err
		}
	}
	return specs, nil
}

// ParseSpecs reads a JSON list of classes.
func ParseSpecs(text io.Reader) ([]Spec, error) {
	var specs []Spec
	decoder := json.NewDecoder(text)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&specs); err != nil {
		return nil, err
	}
	for i := range specs {
		if err := specs[i].complete(); err != nil {
			return nil, err
		}
	}
	return specs, nil
}

func readSpecs(name string) ([]Spec, error) {
	file, err := os.Open(name)
	if err != nil {
		known := make([]string, 0, len(shapes))
		for shape := range shapes {
			known = append(known, shape)
		}
		slices.Sort(known)
		return nil, fmt.Errorf("--shape %s: neither a file nor one of %s", name, strings.Join(known, ", "))
	}
	defer file.Close()
	specs, err := ParseSpecs(file)
	if err != nil {
		return nil, fmt.Errorf("--shape %s: %w", name, err)
	}
	return specs, nil
}

// scaled changes the number of clients, or the rate where that is what counts.
func (s Spec) scaled(scale float64) Spec {
	if s.Kind == "fresh" || s.Kind == "rate" {
		s.PerSecond *= scale
	} else {
		s.Clients = max(1, int(math.Round(float64(s.Clients)*scale)))
	}
	return s
}

func (s *Spec) complete() error {
	defaults, known := kinds[s.Kind]
	if !known {
		return fmt.Errorf("class %q: unknown kind %q; give get, order, h2, h2order, fresh, rate, ws, sse, upload or download", s.Name, s.Kind)
	}
	if s.Name == "" {
		s.Name = s.Kind
	}
	if s.Path == "" {
		s.Path = defaults.path
	}
	if s.Bytes == 0 {
		s.Bytes = defaults.bytes
	}
	if s.TimeoutMs == 0 {
		s.TimeoutMs = defaults.timeoutMs
	}
	if s.PauseMs == 0 {
		s.PauseMs = defaults.pauseMs
	}
	if s.Clients <= 0 && s.Kind != "fresh" {
		s.Clients = 1
	}
	if (s.Kind == "fresh" || s.Kind == "rate") && s.PerSecond <= 0 {
		return fmt.Errorf("class %q: perSecond must be above 0", s.Name)
	}
	return nil
}
