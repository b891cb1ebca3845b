// What workers of one proxy call their own files (sockets of the app, the inner socket of the control API).
// Numbers grow with every attempt to replace a worker; names come again after kWorkerNames of them, so that
// those of killed workers are found and cleaned. The parent gives no number whose name a living worker has.
#pragma once

namespace sidestep::sidecar {

inline constexpr int kWorkerNames = 64;  // more than workers that live at the same time

// 0 for the first worker. REQUIRES: worker ≥ 1.
constexpr int worker_name(int worker) { return (worker - 1) % kWorkerNames; }

}  // namespace sidestep::sidecar
