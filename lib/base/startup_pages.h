// What of a program only its start needed.
#pragma once

namespace sidestep {

// Unmaps the code and constants of the program and its libraries that nobody has written to (madvise(2),
// MADV_DONTNEED): what is needed again comes back from the file by a page fault, what only the start needed
// does not. Other threads may run meanwhile. Nothing can fail.
void give_back_startup_pages();

}  // namespace sidestep
