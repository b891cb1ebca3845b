package tally

import (
	"math/bits"
	"time"
)

const (
	subBits    = 7 // 128 buckets per power of two: values are off by less than 1 %
	subBuckets = 1 << subBits
	maxMicros  = 1<<31 - 1 // about 36 minutes; longer is counted as that
)

// Histogram counts latencies in microseconds. The zero value is empty and ready.
type Histogram struct {
	counts [(32 - subBits + 1) * subBuckets]uint32
	total  uint64
	sum    float64
	max    int64
}

func (h *Histogram) Add(latency time.Duration) {
	micros := min(max(latency.Microseconds(), 0), maxMicros)
	h.counts[bucketOf(uint32(micros))]++
	h.total++
	h.sum += float64(micros)
	h.max = max(h.max, micros)
}

// Merge adds what another one has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, count := range other.counts {
		h.counts[i] += count
	}
	h.total += other.total
	h.sum += other.sum
	h.max = max(h.max, other.max)
}

func bucketOf(micros uint32) int {
	if micros < subBuckets {
		return int(micros)
	}
	shift := bits.Len32(micros) - 1 - subBits
	return (shift+1)*subBuckets + int(micros>>shift) - subBuckets
}

// highestOf is the largest value that falls into the bucket.
func highestOf(bucket int) int64 {
	if bucket < subBuckets {
		return int64(bucket)
	}
	shift := bucket/subBuckets - 1
	return (int64(bucket%subBuckets+subBuckets)+1)<<shift - 1
}

// Quantile in milliseconds; 0 when nothing was counted.
func (h *Histogram) Quantile(q float64) float64 {
	rank := uint64(q*float64(h.total) + 0.5)
	rank = min(max(rank, 1), h.total)
	seen := uint64(0)
	for bucket, count := range h.counts {
		seen += uint64(count)
		if count > 0 && seen >= rank {
			return float64(min(highestOf(bucket), h.max)) / 1000
		}
	}
	return 0
}

// Latency is a histogram as the report shows it, in milliseconds.
type Latency struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

func (h *Histogram) Summary() Latency {
	if h.total == 0 {
		return Latency{}
	}
	return Latency{Count: h.total, Mean: h.sum / float64(h.total) / 1000, P50: h.Quantile(0.50), P90: h.Quantile(0.90),
		P99: h.Quantile(0.99), P999: h.Quantile(0.999), Max: float64(h.max) / 1000}
}
