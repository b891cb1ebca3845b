"""What the end-to-end tests are written in: a cluster, kubectl, pods, a load generator, and waiting with a reason."""
