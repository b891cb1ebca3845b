// sidestep-load puts load on a service and counts everything that a client could notice: lost requests by
// kind, wrong bytes, orders executed twice, streams cut, gaps, latencies, and who answered when.
//
// It retries nothing. A close that was announced, or that is seen before a request is sent, is no loss.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sidestep.dev/tests/load/load"
	"sidestep.dev/tests/load/tally"
)

const (
	exitLost  = 1
	exitUsage = 2
)

var stopLimit = 20 * time.Second // for requests under way at the end

type options struct {
	target, host, shape, check, report, control, run string
	ordersLog, ordersListen, ordersURL               string
	scale, rate                                      float64
	clients, maxFailures                             int
	duration, timeout, bucket                        time.Duration
	failOnLoss, quiet, idle                          bool
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("sidestep-load", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "127.0.0.1:8080", "HOST:PORT or unix:PATH")
	flags.StringVar(&o.host, "host", "shop.test", "Host header")
	flags.StringVar(&o.shape, "shape", "baseline", "load: baseline, busy, rate, kubernetes, streams, transfers or a JSON file; several with commas")
	flags.Float64Var(&o.scale, "scale", 1, "multiplies clients and rates")
	flags.Float64Var(&o.rate, "rate", 0, "requests per second of shape rate")
	flags.IntVar(&o.clients, "clients", 0, "connections of shapes rate and busy")
	flags.DurationVar(&o.duration, "duration", 0, "stop by itself; 0: at SIGINT, SIGTERM or POST /stop")
	flags.DurationVar(&o.timeout, "timeout", 0, "time limit of a request, in place of each class's own")
	flags.StringVar(&o.check, "check", string(load.CheckPage), "bodies: page (the example app's), same (as at first) or none")
	flags.StringVar(&o.report, "report", "-", "where the JSON report goes: a file, or - for standard output")
	flags.StringVar(&o.control, "control", "", "HOST:PORT or unix:PATH of the live control (GET /report, POST /mark?name=, POST /stop)")
	flags.BoolVar(&o.idle, "idle", false, "with --control: do nothing until POST /begin?target=HOST:PORT, whose body is a shape as a JSON list")
	flags.StringVar(&o.run, "run", fmt.Sprintf("run%d", time.Now().UnixNano()/1e6), "prefix of order ids; one word, unique per run")
	flags.StringVar(&o.ordersLog, "orders-log", "", "file in which the app records executions")
	flags.StringVar(&o.ordersListen, "orders-listen", "", "HOST:PORT to collect executions on (shop --orders-log tcp://…)")
	flags.StringVar(&o.ordersURL, "orders-from", "", "HOST:PORT of apps, with commas, that are asked for /orders/log at the end")
	flags.DurationVar(&o.bucket, "bucket", time.Second, "step of the time series")
	flags.IntVar(&o.maxFailures, "max-failures", 200, "failures that are listed one by one")
	flags.BoolVar(&o.failOnLoss, "fail-on-loss", false, "exit 1 when anything was lost, duplicated, still waited for, or cut without a word")
	flags.BoolVar(&o.quiet, "quiet", false, "no summary on standard error")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.idle && o.control == "" {
		return o, errors.New("--idle: nobody could say when to begin; give --control")
	}
	switch load.Check(o.check) {
	case load.CheckPage, load.CheckSame, load.CheckNone:
		return o, nil
	}
	return o, fmt.Errorf("--check %s: give page, same or none", o.check)
}

func specsOf(o options) ([]load.Spec, error) {
	specs, err := load.Specs(o.shape, o.scale)
	for i := range specs {
		if specs[i].Kind == "rate" && o.rate > 0 {
			specs[i].PerSecond = o.rate
		}
		if o.clients > 0 && (specs[i].Name == "rate" || specs[i].Name == "busy") {
			specs[i].Clients = o.clients
		}
		if o.timeout > 0 {
			specs[i].TimeoutMs = int(o.timeout.Milliseconds())
		}
	}
	return specs, err
}

// session is one run of the generator, and what the live control acts on.
type session struct {
	options  options
	env      *load.Env
	recorder *tally.Recorder
	stop     chan struct{} // one message is enough
	underWay int           // clients that did not end in time
}

func (s *session) mark(name string) { s.recorder.Mark(name, time.Now()) }

func (s *session) askToStop() {
	select {
	case s.stop <- struct{}{}:
	default:
	}
}

// waitForEnd returns at the time limit, at a signal, or when the control asks for it. SIGUSR1 marks a window.
func (s *session) waitForEnd() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	var limit <-chan time.Time
	if s.options.duration > 0 {
		limit = time.After(s.options.duration)
	}
	for marks := 1; ; {
		select {
		case <-limit:
			return
		case <-s.stop:
			return
		case received := <-signals:
			if received != syscall.SIGUSR1 {
				return
			}
			s.mark(fmt.Sprintf("mark-%d", marks))
			marks++
		}
	}
}

func (s *session) report(log map[string]int) *tally.Report {
	report := s.recorder.Report(time.Now())
	report.Run, report.Target = s.options.run, s.options.target
	report.Orders = s.env.Orders.Report(log)
	report.Verdict.UnderWay = s.underWay
	report.Verdict.Duplicated = report.Orders.Twice
	report.Verdict.NotExecuted = report.Orders.AnsweredNotExecuted
	if log == nil {
		report.Verdict.OrdersUnchecked = report.Orders.Answered
	}
	return report
}

func (s *session) run(specs []load.Spec, orders *orderSources) (*tally.Report, error) {
	if s.options.control != "" {
		control, err := serveControl(s, s.options.control)
		if err != nil {
			return nil, err
		}
		defer control.Close()
	}
	s.env.Start(specs)
	s.waitForEnd()
	s.recorder.Finish(time.Now(), s.env.Clients())
	if !s.env.Stop(stopLimit) {
		s.underWay = s.env.UnderWay()
		fmt.Fprintf(os.Stderr, "sidestep-load: %d clients were still waiting %v after the end\n", s.underWay, stopLimit)
	}
	log, err := orders.read()
	if err != nil {
		return nil, err
	}
	return s.report(log), nil
}

func writeReport(report *tally.Report, path string) error {
	text, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func run(args []string) int {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fail := func(err error) int { fmt.Fprintln(os.Stderr, "sidestep-load:", err); return exitUsage }
	if err != nil {
		return fail(err)
	}
	specs, err := specsOf(o)
	if err != nil {
		return fail(err)
	}
	orders := tally.NewOrders(o.run + "-")
	sources, err := newOrderSources(o, orders)
	if err != nil {
		return fail(err)
	}
	defer sources.close()
	if o.idle {
		if o.target, specs, err = awaitBegin(o.control); err != nil {
			return fail(err)
		}
	}
	limits := tally.Limits{Failures: o.maxFailures, Bucket: o.bucket, Buckets: 100_000}
	recorder := tally.NewRecorder(limits, time.Now())
	env := &load.Env{Target: o.target, Host: o.host, Check: load.Check(o.check), Orders: orders, Recorder: recorder}
	report, err := (&session{options: o, env: env, recorder: recorder, stop: make(chan struct{}, 1)}).run(specs, sources)
	if err != nil {
		return fail(err)
	}
	if err := writeReport(report, o.report); err != nil {
		return fail(err)
	}
	if !o.quiet {
		report.Summarize(os.Stderr)
	}
	if o.failOnLoss && !report.Verdict.IsGood() {
		return exitLost
	}
	return 0
}

func main() { os.Exit(run(os.Args[1:])) }
