package tally

import "time"

// series counts good answers by version and generation over time.
type series struct {
	limits  Limits
	keys    []shareKey
	lastKey int // index of the key seen last: nearly always the next one too
	buckets []bucket
	seen    []seen // by key
}

type shareKey struct{ version, generation string }

type bucket struct {
	lost  int
	byKey []int
}

type seen struct {
	count       int
	first, last time.Duration
}

const maxKeys = 1000 // versions × generations; beyond it the last one takes all

func (s *series) init(limits Limits) {
	s.limits = limits
	if s.limits.Bucket <= 0 {
		s.limits.Bucket = time.Second
	}
	s.limits.Buckets = max(s.limits.Buckets, 1)
}

func (s *series) bucketAt(since time.Duration) *bucket {
	index := min(max(int(since/s.limits.Bucket), 0), s.limits.Buckets-1)
	for len(s.buckets) <= index {
		s.buckets = append(s.buckets, bucket{})
	}
	return &s.buckets[index]
}

func (s *series) ok(since time.Duration, version, generation string) {
	key := s.indexOf(shareKey{version, generation})
	b := s.bucketAt(since)
	for len(b.byKey) <= key {
		b.byKey = append(b.byKey, 0)
	}
	b.byKey[key]++
	if s.seen[key].count == 0 {
		s.seen[key].first = since
	}
	s.seen[key].count++
	s.seen[key].last = since
}

func (s *series) lost(since time.Duration) { s.bucketAt(since).lost++ }

func (s *series) indexOf(key shareKey) int {
	if len(s.keys) > 0 && s.keys[s.lastKey] == key {
		return s.lastKey
	}
	for i, known := range s.keys {
		if known == key {
			s.lastKey = i
			return i
		}
	}
	if len(s.keys) < maxKeys {
		s.keys = append(s.keys, key)
		s.seen = append(s.seen, seen{})
	}
	s.lastKey = len(s.keys) - 1
	return s.lastKey
}

// VersionReport tells when one version and generation of the app answered.
type VersionReport struct {
	Version      string  `json:"version"`
	Generation   string  `json:"generation"`
	Count        int     `json:"count"`
	FirstSeconds float64 `json:"firstSeconds"`
	LastSeconds  float64 `json:"lastSeconds"`
}

// BucketReport is one entry of the time series. Share: good answers by "version/generation".
type BucketReport struct {
	AtSeconds float64        `json:"atSeconds"`
	OK        int            `json:"ok"`
	Lost      int            `json:"lost"`
	Share     map[string]int `json:"share"`
}

func (s *series) versions() []VersionReport {
	reports := make([]VersionReport, 0, len(s.keys))
	for i, key := range s.keys {
		reports = append(reports, VersionReport{Version: key.version, Generation: key.generation, Count: s.seen[i].count,
			FirstSeconds: s.seen[i].first.Seconds(), LastSeconds: s.seen[i].last.Seconds()})
	}
	return reports
}

func (s *series) report() []BucketReport {
	reports := make([]BucketReport, 0, len(s.buckets))
	for i, b := range s.buckets {
		entry := BucketReport{AtSeconds: (time.Duration(i) * s.limits.Bucket).Seconds(), Lost: b.lost, Share: map[string]int{}}
		for key, count := range b.byKey {
			if count > 0 {
				entry.Share[s.keys[key].version+"/"+s.keys[key].generation] = count
				entry.OK += count
			}
		}
		reports = append(reports, entry)
	}
	return reports
}
