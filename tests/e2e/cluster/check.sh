#!/usr/bin/env bash
# Proves a cluster that is up: pods, sidecars, volumes, Services, Pod Security, killed containers. About 40 seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
exec /usr/bin/python3 -m pytest -q -p no:cacheprovider cluster_test.py "$@"
