package tally

import (
	"bufio"
	"io"
	"strings"
	"sync"
)

// OrdersReport compares what the client was told with what the app recorded.
type OrdersReport struct {
	Answered            int      `json:"answered"`            // answered 200
	Lost                int      `json:"lost"`                // sent, no good answer
	Twice               int      `json:"twice"`               // executed more than once
	ExecutedThoughLost  int      `json:"executedThoughLost"`  // no loss that a client could repeat safely
	AnsweredNotExecuted int      `json:"answeredNotExecuted"` // answered, but not in the log
	LogChecked          bool     `json:"logChecked"`          // false: only the answers themselves were looked at
	Examples            []string `json:"examples,omitempty"`  // ids of the above, a few
}

const maxExamples = 20

// Orders remembers every order of this run. It may be used by many goroutines.
type Orders struct {
	prefix string

	mutex    sync.Mutex
	answered map[string]int // id → executions that the answer told
	lost     map[string]bool
}

// NewOrders: prefix tells the orders of this run from those of others in the same log.
func NewOrders(prefix string) *Orders {
	return &Orders{prefix: prefix, answered: map[string]int{}, lost: map[string]bool{}}
}

func (o *Orders) Prefix() string { return o.prefix }

func (o *Orders) Answered(id string, executions int) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.answered[id] = executions
}

func (o *Orders) Lost(id string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.lost[id] = true
}

// ParseLog counts executions by id; lines are "ID GENERATION PID", those of other runs are passed over.
func (o *Orders) ParseLog(log io.Reader, into map[string]int) error {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		id, _, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(id, o.prefix) {
			into[id]++
		}
	}
	return lines.Err()
}

// Report: log is nil when no log can be read.
func (o *Orders) Report(log map[string]int) *OrdersReport {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	report := &OrdersReport{Answered: len(o.answered), Lost: len(o.lost), LogChecked: log != nil}
	for id, told := range o.answered {
		executions := max(told, log[id])
		if executions > 1 {
			report.Twice++
			report.example(id)
		}
		if log != nil && log[id] == 0 {
			report.AnsweredNotExecuted++
			report.example(id)
		}
	}
	for id := range o.lost {
		if log[id] > 0 {
			report.ExecutedThoughLost++
			report.example(id)
		}
		if log[id] > 1 {
			report.Twice++
		}
	}
	return report
}

func (r *OrdersReport) example(id string) {
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, id)
	}
}
