module sidestep.dev/bench/operator/crowd

go 1.24.0
