# A real Kubernetes for the end-to-end tests; included by the top Makefile.
.PHONY: cluster-up cluster-down cluster-images e2e demo-cluster

cluster-up: ## start a single-node Kubernetes in namespaces of its own (first time: 6 min to build it)
	@GO="$$(tests/tools/go.sh 2>/dev/null || command -v go)" tests/e2e/cluster/tools/build.sh
	@tests/e2e/cluster/up.sh

cluster-down: ## end it; leaves nothing behind
	@tests/e2e/cluster/down.sh
