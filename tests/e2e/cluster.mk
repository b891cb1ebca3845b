# A real Kubernetes for the end-to-end tests; included by the top Makefile.
.PHONY: cluster-up cluster-down cluster-images e2e demo-cluster

cluster-up: ## start a single-node Kubernetes in namespaces of its own (first time: 6 min to build it)
	@tests/e2e/cluster/tools/build.sh
	@tests/e2e/cluster/up.sh

cluster-down: ## end it; leaves nothing behind
	@tests/e2e/cluster/down.sh

cluster-images: ## images of the programs in build/bin, for the cluster
	@tests/e2e/images/build.sh

e2e: build ## the scenarios on a real Kubernetes (about 14 min; needs root)
	@/usr/bin/python3 -m pytest -p no:cacheprovider tests/e2e

demo-cluster: build ## a canary and a broken config on a real Kubernetes, step by step (3 min; needs root)
	@tests/e2e/demo_cluster.py
