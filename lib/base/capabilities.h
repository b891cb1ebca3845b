// Giving up Linux capabilities. They belong to a thread: each has to give up its own, and threads that it
// makes afterwards have none. Any thread.
#pragma once

namespace sidestep {

// Effective, permitted and inheritable ones, and the right to gain new ones by execve(). True when no
// capability is left.
bool drop_thread_capabilities();

}  // namespace sidestep
