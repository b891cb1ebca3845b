package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	maxDownloadBytes = 1 << 30
	downloadBlock    = 32 << 10
)

// upload reads the whole body and answers its length and SHA-256.
func (a *app) upload(c *gin.Context) {
	hash := sha256.New()
	length, err := io.Copy(hash, c.Request.Body)
	if err != nil {
		return // The client is gone; there is nobody to answer.
	}
	a.page(c, http.StatusOK, "upload", fmt.Sprintf("length=%d sha256=%s", length, hex.EncodeToString(hash.Sum(nil))))
}

// download sends ?bytes= of the sequence that belongs to ?seed=, spread over ?ms=; chunked when ?chunked=1.
func (a *app) download(c *gin.Context) {
	size, sizeOK := a.number(c, "bytes", 1<<20, maxDownloadBytes)
	spread, spreadOK := a.number(c, "ms", 0, 600_000)
	if !sizeOK || !spreadOK || c.IsAborted() {
		return
	}
	seed, _ := strconv.ParseUint(c.Query("seed"), 10, 64)
	c.Header("Content-Type", "application/octet-stream")
	if c.Query("chunked") != "1" {
		c.Header("Content-Length", strconv.Itoa(size))
	}
	c.Status(http.StatusOK)
	block := make([]byte, downloadBlock)
	start, sent := time.Now(), 0
	for sent < size {
		n := min(len(block), size-sent)
		seed = fillSequence(block, seed)
		if _, err := c.Writer.Write(block[:n]); err != nil {
			return
		}
		sent += n
		if spread > 0 {
			c.Writer.Flush()
			due := time.Duration(float64(spread) * float64(sent) / float64(size) * float64(time.Millisecond))
			time.Sleep(time.Until(start.Add(due)))
		}
	}
}

// fillSequence writes splitmix64 words, little-endian, and returns the state to go on with.
// len(block) must be a multiple of 8.
func fillSequence(block []byte, state uint64) uint64 {
	for i := 0; i < len(block); i += 8 {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(block[i:], z^z>>31)
	}
	return state
}
