package load

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
	"sync"

	"sidestep.dev/tests/load/wire"
)

// Check says how the body of a page is judged.
type Check string

const (
	CheckPage Check = "page" // the example app's pages: every byte, whose answer it is, and by whom
	CheckSame Check = "same" // any server: each path always gives what it gave first
	CheckNone Check = "none" // status and framing alone
)

const checksumLine = len("crc32=00000000\n")

// checkPage judges a page of the example app (examples/shop/page.go): "KIND version=… generation=… pid=…
// id=… REST\n", filler, "crc32=…\n". It returns REST.
func checkPage(head *wire.Head, body []byte, kind, id string, filler int) (rest []byte, failure *wire.Failure) {
	wrong := func(what string) ([]byte, *wire.Failure) {
		return nil, &wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("%s in %q", what, body[:min(len(body), 200)])}
	}
	if len(body) < checksumLine {
		return wrong("no checksum")
	}
	text, sum := body[:len(body)-checksumLine], body[len(body)-checksumLine:]
	if want := fmt.Appendf(nil, "crc32=%08x\n", crc32.ChecksumIEEE(text)); !bytes.Equal(sum, want) {
		return wrong("wrong checksum")
	}
	line, fill, found := bytes.Cut(text, []byte("\n"))
	if !found || len(fill) != filler {
		return wrong(fmt.Sprintf("%d bytes of filler and not %d", len(fill), filler))
	}
	who, rest, found := bytes.Cut(line, []byte(" id="+id+" "))
	if !found {
		return wrong("the answer to another request")
	}
	if !bytes.HasPrefix(who, []byte(kind+" version="+head.Version+" generation="+head.Generation+" ")) {
		return wrong("head and body by different generations, or another page")
	}
	return rest, nil
}

// field returns the number that stands behind "NAME=" in the words of a page's first line; -1 without.
func field(rest []byte, name string, base int) int64 {
	for _, word := range bytes.Fields(rest) {
		if text, found := bytes.CutPrefix(word, []byte(name+"=")); found {
			if value, err := strconv.ParseInt(string(text), base, 64); err == nil {
				return value
			}
		}
	}
	return -1
}

// sameBodies remembers the first body of each path.
type sameBodies struct {
	mutex  sync.Mutex
	bodies map[string][]byte // guarded by mutex
}

func (s *sameBodies) check(path string, body []byte) *wire.Failure {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	first, known := s.bodies[path]
	if !known {
		s.bodies[path] = bytes.Clone(body)
	} else if !bytes.Equal(first, body) {
		return &wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("%s gave other bytes than at first", path)}
	}
	return nil
}
