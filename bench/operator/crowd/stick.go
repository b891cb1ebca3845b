package main

import (
	"fmt"
	"net/http"
)

const stickNamespace = "stick"

// stick makes the writes that come before the first command of a reload, for workloads From … To-1 and in that order for each:
// nobody who records what it does can start them all sooner on this API server. No operator may run meanwhile.
func (f *fleet) stick(o order) error {
	if _, err := f.api.create("/api/v1/namespaces", object{"metadata": object{"name": stickNamespace}}); err != nil {
		return err
	}
	return f.changeEach(o, f.writeAsForAReload)
}

func (f *fleet) writeAsForAReload(w *workload, token string) error {
	name := fmt.Sprintf("%s-%s-%s", w.namespace, w.name, token)
	reloads := group + stickNamespace + "/reloads"
	_, err := f.api.create(reloads, object{"apiVersion": "sidestep.dev/v1alpha1", "kind": "Reload", "metadata": object{"name": name},
		"spec": object{"policyRef": object{"name": "nobody"}, "token": token}})
	if err != nil {
		return err
	}
	mark := object{"metadata": object{"annotations": object{"example.com/stick": token}}}
	if _, err := f.api.merge(group+w.namespace+"/reloadpolicies/"+w.name, mark); err != nil {
		return err
	}
	condition := object{"type": "Progressing", "status": "True", "reason": "Starting", "message": "0 of 1 pods have weight 500",
		"lastTransitionTime": "2026-11-01T00:00:00Z"}
	if _, err := f.api.merge(reloads+"/"+name+"/status", object{"status": object{"phase": "Progressing", "conditions": []object{condition}}}); err != nil {
		return err
	}
	_, err = f.api.merge("/api/v1/namespaces/"+w.namespace+"/pods/"+w.pods[0].name, mark)
	return err
}

// unstick removes what stick left.
func (f *fleet) unstick(order) error {
	_, err := f.api.call(http.MethodDelete, group+stickNamespace+"/reloads", "application/json", object{})
	return err
}
