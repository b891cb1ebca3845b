// Differential compares our HTTP/1 parser with Go's net/http: nothing that we accept may be read by it as other requests.
//
//	differential --seconds 20 --found FOLDER h1_readings SEEDS…     seeds are files, or folders of them
//
// Inputs are mutations of the seeds. A difference ends the run with exit code 1; its input is then in FOLDER.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// parser is our side: a program that answers each input.
type parser struct {
	in  io.WriteCloser
	out io.ReadCloser
}

func startParser(program string) (*parser, error) {
	command := exec.Command(program)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &parser{in, out}, command.Start()
}

func (p *parser) read(input []byte) (reading, error) {
	if _, err := p.in.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(input))), input...)); err != nil {
		return reading{}, err
	}
	var size [4]byte
	if _, err := io.ReadFull(p.out, size[:]); err != nil {
		return reading{}, fmt.Errorf("our parser ended: %w", err)
	}
	text := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(p.out, text); err != nil {
		return reading{}, err
	}
	return parseReading(string(text))
}

func seedsOf(paths []string) ([][]byte, error) {
	var seeds [][]byte
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			bytes, err := os.ReadFile(file)
			seeds = append(seeds, bytes)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(seeds) == 0 {
		return nil, fmt.Errorf("no seeds in %v", paths)
	}
	return seeds, nil
}

type counts struct{ inputs, accepted, requests int }

// check compares one input; the error says how the two differ.
func (c *counts) check(p *parser, input []byte) error {
	ours, err := p.read(input)
	if err != nil {
		return err
	}
	c.inputs++
	c.requests += len(ours.requests)
	if len(ours.requests) > 0 {
		c.accepted++
	}
	if problem := differs(input, ours); problem != "" {
		return fmt.Errorf("%s:\n%q", problem, input)
	}
	return nil
}

func run(program, found string, seconds int, seed uint64, paths []string) error {
	seeds, err := seedsOf(paths)
	if err != nil {
		return err
	}
	p, err := startParser(program)
	if err != nil {
		return err
	}
	defer p.in.Close()
	random := rand.New(rand.NewPCG(seed, 0))
	var c counts
	until := time.Now().Add(time.Duration(seconds) * time.Second)
	for i := 0; i < len(seeds) || time.Now().Before(until); i++ {
		input := seeds[i%len(seeds)]
		if i >= len(seeds) {
			input = mutate(random, seeds)
		}
		if err := c.check(p, input); err != nil {
			name := filepath.Join(found, fmt.Sprintf("differential-%016x", random.Uint64()))
			_ = os.MkdirAll(found, 0o755)
			_ = os.WriteFile(name, input, 0o644)
			return fmt.Errorf("%w\nthe input is in %s (seed %d)", err, name, seed)
		}
	}
	fmt.Printf("differential: %d inputs, %d accepted, %d requests, no difference (seed %d)\n", c.inputs, c.accepted, c.requests, seed)
	return nil
}

func main() {
	seconds := flag.Int("seconds", 20, "for how long")
	found := flag.String("found", "build/fuzz/crashes", "where an input that differs is left")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the mutations")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: differential [--seconds N] [--found FOLDER] [--seed N] PROGRAM SEEDS…")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *found, *seconds, *seed, flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}
