package load

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"sidestep.dev/tests/load/wire"
)

const transferBlock = 16 << 10

// startUploads: bodies that are sent over some time; the answer must tell their length and SHA-256.
func startUploads(env *Env, spec Spec) {
	startTransfers(env, spec, func(s *session, number uint64) *wire.Failure { return upload(s, spec, number) })
}

// startDownloads: bodies of which each byte is known beforehand.
func startDownloads(env *Env, spec Spec) {
	startTransfers(env, spec, func(s *session, number uint64) *wire.Failure { return download(s, spec, number) })
}

func startTransfers(env *Env, spec Spec, transfer func(*session, uint64) *wire.Failure) {
	class := env.class(spec)
	for i := range spec.Clients {
		s := &session{env: env, client: env.client(class, spec.Name, i), timeout: spec.timeout()}
		env.launch(func() {
			defer s.leave()
			for number := uint64(i) << 32; !env.isStopping(); number++ {
				began := time.Now()
				if failure := transfer(s, number); failure != nil {
					s.lost(failure)
					s.drop()
					env.wait(afterLoss)
					continue
				}
				s.ok(began)
			}
		})
	}
}

func upload(s *session, spec Spec, seed uint64) *wire.Failure {
	s.head = wire.Head{}
	if failure := s.connect(); failure != nil {
		return failure
	}
	began := time.Now()
	s.conn.SetDeadline(began.Add(s.timeout))
	id := fmt.Sprintf("%supload-%d", s.env.Orders.Prefix(), seed)
	head := fmt.Sprintf("POST %s?id=%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", spec.Path, id, s.env.Host, spec.Bytes)
	if failure := s.conn.Send([]byte(head)); failure != nil {
		return failure
	}
	hash, block, isWhole := sha256.New(), make([]byte, transferBlock), true
	for sent := 0; sent < spec.Bytes; {
		seed = FillSequence(block, seed)
		piece := block[:min(len(block), spec.Bytes-sent)]
		hash.Write(piece)
		if failure := s.conn.Send(piece); failure != nil {
			return failure
		}
		sent += len(piece)
		if isWhole = sent == spec.Bytes; !isWhole && s.conn.HasAnswer() {
			break // An early answer, or the end: the rest need not be sent.
		}
		time.Sleep(time.Until(began.Add(spread(spec, sent))))
	}
	if failure := s.answer(http.MethodPost); failure != nil {
		return failure
	}
	if s.head.Status != http.StatusOK {
		return statusFailure(&s.head, s.body)
	}
	rest, failure := checkPage(&s.head, s.body, "upload", id, 0)
	want := fmt.Sprintf("length=%d sha256=%s", spec.Bytes, hex.EncodeToString(hash.Sum(nil)))
	if failure == nil && (!isWhole || string(rest) != want) {
		failure = &wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("the app has got %q and not %q", rest, want)}
	}
	return failure
}

func spread(spec Spec, done int) time.Duration {
	return time.Duration(float64(spec.SpreadMs) * float64(done) / float64(spec.Bytes) * float64(time.Millisecond))
}

func download(s *session, spec Spec, seed uint64) *wire.Failure {
	s.head = wire.Head{}
	if failure := s.connect(); failure != nil {
		return failure
	}
	s.conn.SetDeadline(time.Now().Add(s.timeout))
	request := fmt.Sprintf("GET %s?bytes=%d&seed=%d&ms=%d&chunked=%d HTTP/1.1\r\nHost: %s\r\n\r\n",
		spec.Path, spec.Bytes, seed, spec.SpreadMs, seed%2, s.env.Host)
	if failure := s.conn.Send([]byte(request)); failure != nil {
		return failure
	}
	head, failure := s.conn.ReadHead(http.MethodGet)
	if failure != nil {
		return failure
	}
	s.head = *head
	if head.Status != http.StatusOK {
		return statusFailure(head, nil)
	}
	expected := &sequence{state: seed}
	for {
		piece, failure := s.conn.NextBody()
		if failure != nil {
			return failure
		}
		if piece == nil {
			break
		}
		if !expected.matches(piece) {
			return &wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("wrong byte before offset %d", expected.offset)}
		}
	}
	if expected.offset != spec.Bytes {
		return &wire.Failure{Kind: wire.WrongBytes, Detail: fmt.Sprintf("%d bytes and not %d", expected.offset, spec.Bytes)}
	}
	if head.Close {
		s.leave()
	}
	return nil
}

// sequence compares a stream of bytes with the one that belongs to a seed.
type sequence struct {
	state  uint64
	offset int
	ahead  []byte // made, and not yet compared
	block  [transferBlock]byte
}

func (s *sequence) matches(piece []byte) bool {
	for len(piece) > 0 {
		if len(s.ahead) == 0 {
			s.state = FillSequence(s.block[:], s.state)
			s.ahead = s.block[:]
		}
		n := min(len(piece), len(s.ahead))
		s.offset += n
		if !bytes.Equal(piece[:n], s.ahead[:n]) {
			return false
		}
		piece, s.ahead = piece[n:], s.ahead[n:]
	}
	return true
}

// FillSequence writes splitmix64 words, little-endian, and returns the state to go on with. It is written
// anew here and not taken from the example app, whose bytes it judges.
func FillSequence(block []byte, state uint64) uint64 {
	for i := 0; i+8 <= len(block); i += 8 {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(block[i:], z^z>>31)
	}
	return state
}
