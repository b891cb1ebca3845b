module sidestep.dev/tests/fuzz/differential

go 1.24
