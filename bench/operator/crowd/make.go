package main

import (
	"fmt"
	"maps"
)

const (
	group     = "/apis/sidestep.dev/v1alpha1/namespaces/"
	atOnce    = 32 // requests to the API server
	operator  = "sidestep-operator"
	operators = "sidestep-system"
)

// plan says what is made: policies 0 … Policies-1, spread over Namespaces, each with a Deployment and PodsEach pods.
type plan struct {
	Prefix     string // of all names
	Namespaces int
	Policies   int
	PodsEach   int
	Sources    bool   // each policy names a ConfigMap, which its pods mount
	Spec       object // of the policies, beside targetRef and sources
}

// workload is one policy with its pods.
type workload struct {
	namespace, name string
	pods            []*pod
	first           moments
}

func (f *fleet) make(p plan) error {
	if p.Namespaces < 1 || p.Policies < 1 || p.PodsEach < 1 {
		return fmt.Errorf("at least one namespace, policy and pod: %+v", p)
	}
	for i := range p.Namespaces {
		if err := f.makeNamespace(p, i); err != nil {
			return err
		}
	}
	begin := len(f.workloads)
	for i := range p.Policies {
		w := &workload{namespace: p.namespace(i), name: fmt.Sprintf("%s-%d", p.Prefix, i)}
		for range p.PodsEach {
			w.pods = append(w.pods, f.addPod(w))
		}
		f.lock.Lock()
		f.workloads = append(f.workloads, w)
		f.lock.Unlock()
	}
	made := f.workloads[begin:]
	if err := forAll(len(made), atOnce, func(i int) error { return f.makeWorkload(made[i], p) }); err != nil {
		return err
	}
	return forAll(len(made)*p.PodsEach, atOnce, func(i int) error {
		return f.makePod(made[i/p.PodsEach].pods[i%p.PodsEach], p)
	})
}

func (p plan) namespace(policy int) string {
	return fmt.Sprintf("%s-ns-%d", p.Prefix, policy%p.Namespaces)
}

// makeNamespace makes the i-th namespace, with the rights that `kubectl sidestep rbac` would print for its ConfigMaps.
func (f *fleet) makeNamespace(p plan, i int) error {
	name := p.namespace(i)
	if _, err := f.api.create("/api/v1/namespaces", object{"metadata": object{"name": name}}); err != nil || !p.Sources {
		return err
	}
	var sources []string
	for policy := i; policy < p.Policies; policy += p.Namespaces {
		sources = append(sources, fmt.Sprintf("%s-%d", p.Prefix, policy))
	}
	path := "/apis/rbac.authorization.k8s.io/v1/namespaces/" + name
	if _, err := f.api.create(path+"/roles", object{
		"metadata": object{"name": operator},
		"rules": []object{{"apiGroups": []string{""}, "resources": []string{"configmaps"}, "resourceNames": sources,
			"verbs": []string{"get", "list", "watch"}}}}); err != nil {
		return err
	}
	_, err := f.api.create(path+"/rolebindings", object{
		"metadata": object{"name": operator},
		"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": operator},
		"subjects": []object{{"kind": "ServiceAccount", "name": operator, "namespace": operators}}})
	return err
}

func (f *fleet) makeWorkload(w *workload, p plan) error {
	labels := object{"app": w.name}
	path := "/apis/apps/v1/namespaces/" + w.namespace + "/deployments"
	made, err := f.api.create(path, object{
		"metadata": object{"name": w.name, "labels": labels},
		"spec": object{"replicas": p.PodsEach, "selector": object{"matchLabels": labels},
			"template": object{"metadata": object{"labels": labels}, "spec": podSpec(w, p, f.port)}}})
	if err != nil {
		return err
	}
	status := object{"observedGeneration": made["metadata"].(object)["generation"], "replicas": p.PodsEach,
		"updatedReplicas": p.PodsEach, "readyReplicas": p.PodsEach, "availableReplicas": p.PodsEach}
	if _, err := f.api.merge(path+"/"+w.name+"/status", object{"status": status}); err != nil {
		return err
	}
	spec := object{"targetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": w.name}}
	maps.Copy(spec, p.Spec)
	if p.Sources {
		triggers := object{"configMaps": []object{{"name": w.name}}}
		if more, ok := p.Spec["triggers"].(object); ok {
			maps.Copy(triggers, more)
		}
		spec["triggers"] = triggers
		data := object{"app.yaml": "v0"}
		f.mount(w, "v0")
		if _, err := f.api.create("/api/v1/namespaces/"+w.namespace+"/configmaps", object{"metadata": object{"name": w.name}, "data": data}); err != nil {
			return err
		}
	}
	_, err = f.api.create(group+w.namespace+"/reloadpolicies", object{"apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy",
		"metadata": object{"name": w.name}, "spec": spec})
	return err
}

// podSpec has what an injected pod has, so that the objects are as long as in a real cluster.
func podSpec(w *workload, p plan, port int) object {
	env := []object{}
	for i := range 12 {
		env = append(env, object{"name": fmt.Sprintf("SETTING_%d", i), "value": fmt.Sprintf("a value of some length, number %d of %s", i, w.name)})
	}
	probe := object{"httpGet": object{"path": "/healthz", "port": port}, "periodSeconds": 5}
	volumes := []object{{"name": "sidestep", "emptyDir": object{}},
		{"name": "sidestep-trust", "configMap": object{"name": "sidestep-trust", "optional": true}}}
	if p.Sources {
		volumes = append(volumes, object{"name": "config", "configMap": object{"name": w.name}})
	}
	return object{
		"nodeName": "nowhere", "volumes": volumes,
		"initContainers": []object{{"name": "sidestep", "image": "sidestep.dev/sidecar:latest", "restartPolicy": "Always",
			"ports":          []object{{"name": "http", "containerPort": 8080}, {"name": "sidestep-ctl", "containerPort": port}},
			"readinessProbe": probe, "livenessProbe": probe, "env": env,
			"resources":    object{"requests": object{"cpu": "10m", "memory": "16Mi"}, "limits": object{"memory": "128Mi"}},
			"volumeMounts": []object{{"name": "sidestep", "mountPath": "/sidestep"}, {"name": "sidestep-trust", "mountPath": "/trust"}}}},
		"containers": []object{{"name": "app", "image": "example.com/team/app:1.2.3", "env": env,
			"command":      []string{"/sidestep/launch", "--", "/app", "--port", "{port}"},
			"resources":    object{"requests": object{"cpu": "100m", "memory": "128Mi"}, "limits": object{"memory": "512Mi"}},
			"volumeMounts": []object{{"name": "sidestep", "mountPath": "/sidestep"}}}}}
}

func (f *fleet) makePod(p *pod, made plan) error {
	path := "/api/v1/namespaces/" + p.of.namespace + "/pods"
	spec := podSpec(p.of, made, f.port)
	created, err := f.api.create(path, object{"metadata": object{"name": p.name,
		"labels": object{"app": p.of.name, "pod-template-hash": "6d5f8c9b7"}}, "spec": spec})
	if err != nil {
		return err
	}
	p.setUID(created["metadata"].(object)["uid"].(string))
	conditions := []object{}
	for _, kind := range []string{"Initialized", "Ready", "ContainersReady", "PodScheduled"} {
		conditions = append(conditions, object{"type": kind, "status": "True", "lastTransitionTime": "2026-11-01T00:00:00Z"})
	}
	ip := address(p.index)
	_, err = f.api.merge(path+"/"+p.name+"/status", object{"status": object{"phase": "Running", "podIP": ip,
		"podIPs": []object{{"ip": ip}}, "conditions": conditions}})
	return err
}
