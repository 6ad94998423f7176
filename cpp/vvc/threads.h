// Threads that share a job: only this file starts and joins the encoder's threads.
#pragma once

#include <functional>
#include <thread>

namespace idse::vvc {

// Returns a thread that runs `work`. Throws std::system_error if the system cannot create one.
std::thread start_thread(std::function<void()> work);

// Runs work() on up to `count` threads, of which the calling one is the first, and returns when all have
// ended. If the system creates fewer threads, these do the whole job: work() must take the next piece of the
// job until none is left, so that the result does not depend on the number of threads.
//
// The first exception of work() is rethrown to the caller. failed() is called from the thread where it was
// thrown, and must make the other threads end soon.
void run_workers(int count, const std::function<void()>& work, const std::function<void()>& failed);

// For tests: from now on start_thread() creates this many threads and then fails; -1: as many as the system
// allows.
void limit_threads(int count);

}  // namespace idse::vvc
