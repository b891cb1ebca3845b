package load

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"

	"sidestep.dev/tests/load/wire"
)

const transferBytes = 300_000

var (
	uploads   = Spec{Name: "upload", Kind: "upload", Clients: 2, Bytes: transferBytes, SpreadMs: 20, TimeoutMs: 8000}
	downloads = Spec{Name: "download", Kind: "download", Clients: 2, Bytes: transferBytes, TimeoutMs: 8000}
)

// taking reads an upload and answers what it got, changed by twist.
func taking(name string, twist func(sum []byte)) act {
	return act{name, func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
		hash := sha256.New()
		n, err := io.Copy(hash, request.Body)
		if err != nil {
			return false
		}
		sum := hash.Sum(nil)
		twist(sum)
		return write(c, answer("200 OK", shopHead, pageFor(request, fmt.Sprintf("length=%d sha256=%s", n, hex.EncodeToString(sum)))))
	}}
}

func TestUploadsAreJudgedByWhatTheAppGot(t *testing.T) {
	plan := []act{
		taking("good", func([]byte) {}), taking("changed", func(sum []byte) { sum[0] ^= 1 }),
		{"early answer", func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
			write(c, answer("413 Content Too Large", shopHead+"Connection: close\r\n", "too large"))
			_, _ = io.Copy(io.Discard, request.Body) // Until the client closes.
			return false
		}},
		{"cut", func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
			_, _ = io.CopyN(io.Discard, request.Body, transferBytes/2)
			return reset(c)
		}},
	}
	r := newRogue(t, func(n int) act {
		if n < 16 {
			return plan[n%len(plan)]
		}
		return plan[0]
	})
	total := r.load(uploads, 24).Total
	if total.LostByKind[wire.WrongBytes] != 4 || total.StatusCodes["413"] != 4 || total.LostByKind[wire.Reset] != 4 || total.Lost != 12 {
		t.Errorf("4 of each, lost %v %v", total.LostByKind, total.StatusCodes)
	}
	if total.OK != r.count("good") {
		t.Errorf("%d good, %d counted", r.count("good"), total.OK)
	}
}

// giving sends the right bytes, changed by twist.
func giving(name string, twist func(body []byte) []byte) act {
	return act{name, func(_ *rogue, c *net.TCPConn, request *http.Request) bool {
		seed, _ := strconv.ParseUint(request.URL.Query().Get("seed"), 10, 64)
		body := make([]byte, (transferBytes+7)/8*8)
		FillSequence(body, seed)
		text := answer("200 OK", shopHead, string(twist(body[:transferBytes])))
		return write(c, text)
	}}
}

func TestDownloadsAreJudgedByEveryByte(t *testing.T) {
	plan := []act{
		giving("good", func(b []byte) []byte { return b }),
		giving("last byte", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		giving("short", func(b []byte) []byte { return b[:len(b)-1] }),
		{"cut", func(_ *rogue, c *net.TCPConn, _ *http.Request) bool {
			return write(c, fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n", shopHead, transferBytes)) && false
		}},
	}
	r := newRogue(t, func(n int) act {
		if n < 16 {
			return plan[n%len(plan)]
		}
		return plan[0]
	})
	total := r.load(downloads, 24).Total
	if total.LostByKind[wire.WrongBytes] != 8 || total.LostByKind[wire.Truncated] != 4 || total.Lost != 12 {
		t.Errorf("lost %v", total.LostByKind)
	}
	if total.OK != r.count("good") {
		t.Errorf("%d good, %d counted", r.count("good"), total.OK)
	}
}
