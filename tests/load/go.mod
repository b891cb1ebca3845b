module sidestep.dev/tests/load

go 1.24.0
