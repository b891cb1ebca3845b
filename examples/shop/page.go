package main

import (
	"fmt"
	"hash/crc32"
	"os"

	"github.com/gin-gonic/gin"
)

const maxPageBytes = 1 << 20

// page answers with a text of which a client can check every byte without knowing the config:
//
//	KIND version=V generation=G pid=P id=ID REST\n
//	filler, as many bytes as ?bytes= asks for
//	crc32=XXXXXXXX\n            over all that stands before it
//
// id is the request's own, so an answer that belongs to another request is seen.
func (a *app) page(c *gin.Context, code int, kind, rest string) {
	size, ok := a.number(c, "bytes", 0, maxPageBytes)
	if !ok {
		return
	}
	text := make([]byte, 0, 160+size)
	text = fmt.Appendf(text, "%s version=%s generation=%s pid=%d id=%s %s\n",
		kind, a.config.Version, a.generation, os.Getpid(), requestID(c), rest)
	start := len(text)
	text = text[:start+size]
	for i := range size {
		text[start+i] = 'a' + byte(i%26)
	}
	text = fmt.Appendf(text, "crc32=%08x\n", crc32.ChecksumIEEE(text))
	c.Data(code, "text/plain; charset=utf-8", text)
}

// requestID is the id of an order or of a request: ?id= or the header X-Request-Id.
func requestID(c *gin.Context) string {
	id := c.Query("id")
	if id == "" {
		id = c.GetHeader("X-Request-Id")
	}
	return id
}
