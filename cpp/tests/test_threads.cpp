#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "check.h"
#include "vvc/threads.h"

using namespace idse::vvc;

namespace {

// While it lives, only so many threads can be created.
struct FewThreads {
    explicit FewThreads(int count) { limit_threads(count); }
    ~FewThreads() { limit_threads(-1); }
};

// Pieces that were done of a job of 100, and by how many threads at most.
int pieces_done(int workers) {
    std::atomic<int> next{0}, done{0};
    run_workers(
        workers,
        [&] {
            while (next++ < 100) done++;
        },
        [] {});
    return done;
}

}  // namespace

TEST(every_piece_is_done_with_the_threads_there_are) {
    for (int workers : {0, 1, 2, 7}) {
        CHECK_EQ(pieces_done(workers), 100);
        for (int created : {0, 1, 3}) {
            const FewThreads few(created);
            CHECK_EQ(pieces_done(workers), 100);
        }
    }
}

TEST(the_calling_thread_is_one_of_the_workers) {
    for (int created : {0, 2}) {
        const FewThreads few(created);
        std::mutex mutex;
        std::set<std::thread::id> seen;
        run_workers(
            5,
            [&] {
                const std::lock_guard<std::mutex> lock(mutex);
                seen.insert(std::this_thread::get_id());
            },
            [] {});
        CHECK(seen.count(std::this_thread::get_id()) == 1);
        CHECK_EQ(int(seen.size()), 1 + created);
    }
}

TEST(the_first_error_of_a_worker_wins_and_ends_the_others) {
    for (int created : {0, 1, -1})
        for (int round = 0; round < 20; round++) {
            const FewThreads few(created);
            std::atomic<bool> stop{false};
            std::atomic<int> entered{0};
            std::string said;
            try {
                run_workers(
                    4,
                    [&] {
                        if (entered++ == 0) throw std::runtime_error("the first");
                        while (!stop) std::this_thread::yield();
                        throw std::runtime_error("a later one");
                    },
                    [&] { stop = true; });
            } catch (const std::runtime_error& error) {
                said = error.what();
            }
            CHECK(said == "the first");
        }
}

TEST(a_single_thread_that_cannot_be_created_is_an_exception) {
    const FewThreads few(0);
    bool thrown = false;
    try {
        start_thread([] {}).join();
    } catch (const std::system_error&) {
        thrown = true;
    }
    CHECK(thrown);
}
