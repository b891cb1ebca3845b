package main

import (
	"math/rand/v2"
	"slices"
)

// What parsers stumble over.
var pieces = []string{
	"\r\n", "\n", "\r", "\r\n\r\n", "\n\n", " ", "\t", "\x00", "\x0b", ":", " :", ";", ",", "0", "1", "5", "a", "f", "+", "-", "0x", "00",
	"Content-Length: 5\r\n", "Content-Length: 0\r\n", "Content-Length:\t05 \r\n", "content-length: 5\r\n", "Content_Length: 5\r\n",
	"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "transfer-encoding:chunked\r\n", "Transfer-Encoding: chunked, \r\n",
	"Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: Content-Length\r\n", "Upgrade: h2c\r\n", "Expect: 100-continue\r\n",
	"Host: a\r\n", "Host: b:80\r\n", " folded\r\n", "HTTP/1.0", "HTTP/1.1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "0\r\n\r\n", "5\r\nhello\r\n",
	"5;x=y\r\nhello\r\n", "ffffffffffffffff\r\n", "http://b/", "?", "#", "%0d%0a", "*",
}

// mutate makes an input from one seed or two: cut, joined, repeated, with pieces put in and bytes changed.
func mutate(random *rand.Rand, seeds [][]byte) []byte {
	input := slices.Clone(seeds[random.IntN(len(seeds))])
	for range 1 + random.IntN(4) {
		at := random.IntN(len(input) + 1)
		switch random.IntN(6) {
		case 0:
			input = slices.Insert(input, at, []byte(pieces[random.IntN(len(pieces))])...)
		case 1:
			other := seeds[random.IntN(len(seeds))]
			input = append(input[:at:at], other[random.IntN(len(other)+1):]...)
		case 2:
			end := min(len(input), at+1+random.IntN(8))
			input = slices.Delete(input, at, end)
		case 3:
			if at < len(input) {
				input[at] = byte(random.IntN(256))
			}
		case 4:
			end := min(len(input), at+random.IntN(32))
			input = slices.Insert(input, at, slices.Clone(input[at:end])...)
		case 5:
			if at < len(input) {
				input[at] ^= 1 << random.IntN(8)
			}
		}
		if len(input) > 8192 {
			input = input[:8192]
		}
	}
	return input
}
