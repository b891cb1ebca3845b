package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// order is what one call asks for; which fields count is said where they are used.
type order struct {
	plan
	From, To int     // of the workloads, in the order in which they were made
	Value    string  // token, or content of the ConfigMap
	Within   float64 // seconds over which the changes are spread evenly
	Errors   int64
}

// ordersOf serves the harness: POST makes or changes, one at a time; GET tells.
//
//	POST /make      a plan
//	POST /annotate  policies From … To-1 get sidestep.dev/reload=Value
//	POST /change    their ConfigMaps get another content, Value
//	POST /stick     the writes of that many reloads, made by nobody but this process; see stick.go
//	POST /unstick   what it left is removed
//	POST /errors    from now on candidates have so many Errors of 500 requests
//	GET  /first     seconds from the last annotate or change to the first command, for each workload; -1: none
//	GET  /counts    of calls, commands and refusals, and of pods by what they are at
func ordersOf(f *fleet) http.Handler {
	mux := http.NewServeMux()
	turn := make(chan struct{}, 1)
	post := func(path string, act func(order) error) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			var o order
			err := json.NewDecoder(r.Body).Decode(&o)
			if err == nil {
				turn <- struct{}{}
				err = act(o)
				<-turn
			}
			if err != nil {
				reply(w, 500, object{"error": err.Error()})
				return
			}
			reply(w, 200, object{})
		})
	}
	post("/make", func(o order) error { return f.make(o.plan) })
	post("/annotate", func(o order) error { return f.changeEach(o, f.annotate) })
	post("/change", func(o order) error { return f.changeEach(o, f.change) })
	post("/stick", f.stick)
	post("/unstick", f.unstick)
	post("/errors", func(o order) error { f.errors.Store(o.Errors); return nil })
	mux.HandleFunc("GET /first", func(w http.ResponseWriter, _ *http.Request) {
		took := []float64{}
		for _, each := range f.all() {
			took = append(took, each.first.took())
		}
		reply(w, 200, object{"seconds": took})
	})
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, f.counts()) })
	return mux
}

func (f *fleet) all() []*workload {
	f.lock.RLock()
	defer f.lock.RUnlock()
	return f.workloads
}

// changeEach begins one change every Within / (To - From) seconds, and returns when all are done.
func (f *fleet) changeEach(o order, change func(*workload, string) error) error {
	all := f.all()
	if o.From < 0 || o.To > len(all) || o.From >= o.To {
		return fmt.Errorf("there are %d workloads, and not %d to %d", len(all), o.From, o.To)
	}
	began := time.Now()
	between := time.Duration(o.Within / float64(o.To-o.From) * float64(time.Second))
	return forAll(o.To-o.From, 4*atOnce, func(i int) error {
		time.Sleep(time.Until(began.Add(time.Duration(i) * between)))
		w := all[o.From+i]
		w.first.ask()
		return change(w, o.Value)
	})
}

func (f *fleet) annotate(w *workload, token string) error {
	_, err := f.api.merge(group+w.namespace+"/reloadpolicies/"+w.name,
		object{"metadata": object{"annotations": object{"sidestep.dev/reload": token}}})
	return err
}

func (f *fleet) change(w *workload, content string) error {
	f.mount(w, content)
	_, err := f.api.merge("/api/v1/namespaces/"+w.namespace+"/configmaps/"+w.name, object{"data": object{"app.yaml": content}})
	return err
}

func (f *fleet) counts() object {
	phases := map[string]int{}
	promoted := 0
	f.lock.RLock()
	defer f.lock.RUnlock()
	for _, p := range f.pods {
		p.lock.Lock()
		p.turn(f.start)
		if p.run != nil {
			phases[p.run.phase]++
		}
		promoted += p.generation - 1
		p.lock.Unlock()
	}
	return object{"calls": f.calls.Load(), "commands": f.commands.Load(), "refusals": f.refusals.Load(), "phases": phases, "promoted": promoted}
}
