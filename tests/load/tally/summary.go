package tally

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Summarize prints the report for people: one line per class, then what went wrong, then who answered.
func (r *Report) Summarize(out io.Writer) {
	fmt.Fprintf(out, "%-10s %10s %8s %9s %9s %9s %9s %9s %9s\n", "class", "ok", "lost", "p50 ms", "p99 ms", "p99.9 ms",
		"max ms", "gap ms", "nobody ms")
	names := make([]string, 0, len(r.Classes))
	for name := range r.Classes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r.Classes[name].line(out, name)
	}
	r.Total.line(out, "total")
	fmt.Fprintf(out, "%.1f s, %.0f requests/s; closes announced %d, seen idle %d, resets seen idle %d; not sent %d\n", r.Seconds,
		float64(r.Total.OK)/max(r.Seconds, 0.001), r.Total.ClosesAnnounced, r.Total.ClosesIdle, r.Total.ResetsIdle, r.Total.NotSent)
	if r.Total.Lost > 0 {
		fmt.Fprintf(out, "lost: %s\n", counts(r.Total.LostByKind))
	}
	if r.Verdict.Surplus+r.Verdict.UnderWay > 0 {
		fmt.Fprintf(out, "%d connections with bytes that nobody asked for, %d clients still waiting at the end\n", r.Verdict.Surplus, r.Verdict.UnderWay)
	}
	if len(r.Total.StatusCodes) > 0 {
		fmt.Fprintf(out, "bad status: %s (%d by the app itself)\n", counts(r.Total.StatusCodes), r.Total.LostFromApp)
	}
	if s := r.Total.Streams; s != nil {
		fmt.Fprintf(out, "streams: %d opened, %d told (%s), %d cut without a word, %d ended clean; %d messages unanswered\n",
			s.Opened, s.Told, counts(s.ToldCodes), s.CutUntold, s.EndedClean, s.Unanswered)
	}
	if o := r.Orders; o != nil && o.Answered+o.Lost > 0 {
		fmt.Fprintf(out, "orders: %d answered, %d lost; %d executed twice, %d executed though lost, %d answered but not executed; log checked: %v\n",
			o.Answered, o.Lost, o.Twice, o.ExecutedThoughLost, o.AnsweredNotExecuted, o.LogChecked)
	}
	for _, v := range r.Versions {
		fmt.Fprintf(out, "version %s generation %s: %d answers, %.2f s to %.2f s\n", orDash(v.Version), orDash(v.Generation), v.Count,
			v.FirstSeconds, v.LastSeconds)
	}
}

func (s *Stats) line(out io.Writer, name string) {
	l := s.Latency
	fmt.Fprintf(out, "%-10s %10d %8d %9.2f %9.2f %9.2f %9.2f %9.0f %9.0f\n", name, s.OK, s.Lost, l.P50, l.P99, l.P999, l.Max,
		s.LongestGapMs, s.NobodyServedMs)
}

func counts[K ~string](m map[K]int) string {
	words := make([]string, 0, len(m))
	for key, count := range m {
		words = append(words, fmt.Sprintf("%s %d", string(key), count))
	}
	slices.Sort(words)
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
