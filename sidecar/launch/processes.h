// Who descends from whom, read from /proc. Without a /proc that belongs to our own process ids nothing is
// found, and only process groups can be signalled.
#pragma once

#include <sys/types.h>

#include <vector>

namespace sidestep::launch {

// Every living descendant of `root`, itself excluded; zombies excluded.
std::vector<pid_t> descendants_of(pid_t root);
std::vector<pid_t> children_of(pid_t parent);

// The same at the price of the tree instead of the price of all processes of the machine (proc(5), children): one
// whose neighbour ends at that moment may be missed, so it is for counting and not for ending them.
std::vector<pid_t> most_descendants_of(pid_t root);

}  // namespace sidestep::launch
