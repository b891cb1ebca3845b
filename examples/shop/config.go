package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// config is the file that a reload replaces. Everything has a default; unknown fields are refused, so
// that a spelling mistake makes a bad generation and not a silent one.
type config struct {
	Version      string  `yaml:"version"`      // told in every answer
	Greeting     string  `yaml:"greeting"`     // told in /hello
	StartDelay   string  `yaml:"startDelay"`   // before listening
	WarmUp       string  `yaml:"warmUp"`       // listening, but /readyz says 503
	FailRate     float64 `yaml:"failRate"`     // share of /hello requests answered 500, 0 to 1
	CrashAtStart string  `yaml:"crashAtStart"` // message of the crash; empty: none
	NeverReady   bool    `yaml:"neverReady"`   // /readyz says 503 for ever
	AllowCrash   bool    `yaml:"allowCrash"`   // POST /crash ends the process

	startDelay, warmUp time.Duration
}

var defaults = config{Version: "1", Greeting: "hello", StartDelay: "0s", WarmUp: "0s"}

func loadConfig(path string) (config, error) {
	if path == "" {
		return parseConfig("built-in", nil)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return config{}, err
	}
	return parseConfig(path, text)
}

func parseConfig(path string, text []byte) (config, error) {
	c := defaults
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c)
	if errors.Is(err, io.EOF) {
		c = defaults // An empty document; the decoder has cleared the fields.
	} else if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if c.startDelay, err = time.ParseDuration(c.StartDelay); err != nil {
		return c, fmt.Errorf("%s: startDelay %q: not a duration; write for instance 500ms", path, c.StartDelay)
	}
	if c.warmUp, err = time.ParseDuration(c.WarmUp); err != nil {
		return c, fmt.Errorf("%s: warmUp %q: not a duration; write for instance 500ms", path, c.WarmUp)
	}
	if c.FailRate < 0 || c.FailRate > 1 {
		return c, fmt.Errorf("%s: failRate %v: out of range; give a share from 0 to 1", path, c.FailRate)
	}
	if strings.ContainsAny(c.Version, " \r\n") || c.Version == "" {
		return c, fmt.Errorf("%s: version %q: must be one word", path, c.Version)
	}
	if strings.ContainsAny(c.Greeting, "\r\n") {
		return c, fmt.Errorf("%s: greeting %q: must be one line", path, c.Greeting)
	}
	return c, nil
}
