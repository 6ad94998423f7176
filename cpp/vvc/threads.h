// Threads that share a job: the one place where the encoder starts, joins and gives up threads.
#pragma once

#include <functional>
#include <thread>

namespace idse::vvc {

// A thread that runs `work`. Throws std::system_error where the system creates none.
std::thread start_thread(std::function<void()> work);

// Runs work() on up to `count` threads, of which the calling one is the first, and returns when all have
// ended. Where the system creates fewer threads, those that are there do all: work() has to take the next
// piece of the job until there is none left, so that the result does not depend on how many threads it runs
// on.
//
// The first exception of work() is thrown again here. failed(), called from the thread that it ended, has to
// make the others end soon.
void run_workers(int count, const std::function<void()>& work, const std::function<void()>& failed);

// For tests: from now on start_thread() creates this many threads and then fails; -1: as many as the system
// allows.
void limit_threads(int count);

}  // namespace idse::vvc
