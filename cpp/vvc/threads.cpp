#include "threads.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

namespace idse::vvc {

namespace {

std::atomic<int> threads_left{-1};

// Joins whatever happens: a thread that is destroyed while it can be joined ends the process.
class Pool {
  public:
    Pool() = default;
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool() { join(); }

    // False where there is no further thread.
    bool add(const std::function<void()>& work) {
        try {
            threads_.push_back(start_thread(work));
        } catch (const std::system_error&) {
            return false;
        } catch (const std::bad_alloc&) {
            return false;
        }
        return true;
    }
    void reserve(size_t count) { threads_.reserve(count); }
    void join() {
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
    }

  private:
    std::vector<std::thread> threads_;
};

}  // namespace

std::thread start_thread(std::function<void()> work) {
    for (int left = threads_left; left >= 0;) {
        if (left == 0)
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
        if (threads_left.compare_exchange_weak(left, left - 1)) break;
    }
    return std::thread(std::move(work));
}

void run_workers(int count, const std::function<void()>& work, const std::function<void()>& failed) {
    std::mutex mutex;
    std::exception_ptr error;
    const auto guarded = [&] {
        try {
            work();
        } catch (...) {
            {
                const std::lock_guard<std::mutex> lock(mutex);
                if (!error) error = std::current_exception();
            }
            failed();
        }
    };
    Pool pool;
    pool.reserve(count > 1 ? size_t(count - 1) : 0);  // so that a thread that runs has its place
    for (int i = 1; i < count; i++)
        if (!pool.add(guarded)) break;
    guarded();
    pool.join();
    if (error) std::rethrow_exception(error);
}

void limit_threads(int count) {
    threads_left = count;
}

}  // namespace idse::vvc
