#include "sqlite/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <variant>

#include "aio/blocking.hpp"
#include "aio/completion.hpp"
#include "sqlite/document_tables.hpp"

namespace sqlite {
namespace {

using base::errc;
using base::fail;

// In the port's words: to its users it is one whether a disk is away or holds nonsense.
base::failure as_unavailable(base::failure why) {
    if (why.code == errc::corrupt) why.reason = "corrupt";
    why.code = errc::unavailable;
    return why;
}

// The right to the file, for as long as the process lives.
class file_lock {
  public:
    explicit file_lock(int owned) : fd_(owned) {}
    file_lock(file_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    file_lock& operator=(file_lock&&) = delete;
    ~file_lock() {
        if (fd_ >= 0) ::close(fd_);
    }
    static base::outcome<file_lock> take(const std::string& path) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            return fail(errc::unavailable,
                        fmt::format("'{}' cannot be opened: {}", path, std::strerror(errno)));
        }
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
            ::close(fd);
            return fail(errc::conflict,
                        fmt::format("'{}' is held by another process; stop it, or use another "
                                    "data folder",
                                    path));
        }
        return file_lock(fd);
    }

  private:
    int fd_;
};

struct put_job {
    ports::put_request request;
    aio::completion<ports::revision> done;
};
struct remove_job {
    ports::delete_request request;
    aio::completion<void> done;
};
struct bulk_job {
    std::vector<ports::put_request> requests;
    aio::completion<std::vector<base::outcome<ports::revision>>> done;
};
struct close_job {
    aio::completion<void> done;
};
using job = std::variant<put_job, remove_job, bulk_job, close_job>;

class store final : public ports::document_store {
  public:
    store(store_options how, file_lock lock, database writing, database reading,
          writing_tables writes, reading_tables reads, obs::log& log, obs::registry& registry)
        : options_(std::move(how)),
          lock_(std::move(lock)),
          writing_(std::move(writing)),
          reading_(std::move(reading)),
          writes_(std::move(writes)),
          reads_(std::move(reads)),
          log_(log),
          commit_seconds_(registry.make_histogram("dbaas_store_commit_duration_seconds",
                                                  "How long commits of grouped writes took.",
                                                  obs::latency_bounds_seconds())),
          writes_total_(registry.make_counter("dbaas_store_writes_total",
                                              "Documents that were written or removed.")),
          failures_total_(registry.make_counter("dbaas_store_failures_total",
                                                "Commits and reads that failed.")),
          queue_depth_(
              registry.make_gauge("dbaas_store_queue_depth", "Writes that wait for the writer.")),
          readers_(1, options_.queue_max),
          writer_([this] { write_until_closed(); }) {}

    ~store() override {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        news_.notify_one();
        writer_.join();
    }

    aio::task<ports::revision> put(ports::put_request request) override {
        const auto on = co_await aio::this_executor();
        aio::completion<ports::revision> done(on);
        auto queued = enqueue(put_job{std::move(request), done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override {
        const auto on = co_await aio::this_executor();
        aio::completion<std::vector<base::outcome<ports::revision>>> done(on);
        auto queued = enqueue(bulk_job{std::move(requests), done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

    aio::task<void> remove(ports::delete_request request) override {
        const auto on = co_await aio::this_executor();
        aio::completion<void> done(on);
        auto queued = enqueue(remove_job{std::move(request), done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

    aio::task<ports::document> get(std::string collection, std::string id) override {
        co_return co_await read<ports::document>(
            [this, collection, id] { return reads_.get(collection, id); });
    }

    aio::task<ports::page> find(ports::page_request request) override {
        co_return co_await read<ports::page>([this, request] { return reads_.find(request); });
    }

    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override {
        co_return co_await read<ports::revision_page>([this, collection, after, limit] {
            return reads_.revisions(collection, after, limit);
        });
    }

    [[nodiscard]] bool is_connected() const noexcept override {
        return can_read_.load() && can_write_.load() && !is_closed_.load();
    }

    aio::task<void> close() override {
        const auto on = co_await aio::this_executor();
        aio::completion<void> done(on);
        auto queued = enqueue(close_job{done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

  private:
    template <class T>
    aio::task<T> read(std::move_only_function<base::outcome<T>()> work) {
        if (is_closed_.load()) co_return fail(errc::unavailable, "the store is closed");
        auto result = co_await aio::run_blocking<T>(readers_, std::move(work));
        if (!result && result.error().code == errc::limit) {
            co_return fail(errc::unavailable, "the store's queue is full", "queue_full");
        }
        if (!result && is_of_the_file(result.error())) {
            note_failure(can_read_, result.error());
            co_return std::unexpected(as_unavailable(std::move(result).error()));
        }
        co_return result;
    }

    base::outcome<void> enqueue(job what) {
        const bool is_close = std::holds_alternative<close_job>(what);
        {
            const std::lock_guard lock(mutex_);
            if (is_closed_.load()) return fail(errc::unavailable, "the store is closed");
            if (jobs_.size() >= options_.queue_max && !is_close) {
                return fail(errc::unavailable, "the store's queue is full", "queue_full");
            }
            if (is_close) is_closed_.store(true);
            jobs_.push_back(std::move(what));
            queue_depth_.set(static_cast<double>(jobs_.size()));
        }
        news_.notify_one();
        return {};
    }

    // Waits for jobs, or while the file is in trouble (then maybe without any) for the time to try
    // it again. Nothing: the end.
    std::optional<std::deque<job>> next_group() {
        std::unique_lock lock(mutex_);
        const auto has_news = [this] { return !jobs_.empty() || is_stopping_; };
        news_.wait(lock, [&] { return has_news() || is_in_trouble(); });
        if (!has_news()) news_.wait_until(lock, next_try_, has_news);
        if (jobs_.empty() && is_stopping_) return std::nullopt;
        std::deque<job> group;
        while (!jobs_.empty() && group.size() < options_.group_max) {
            group.push_back(std::move(jobs_.front()));
            jobs_.pop_front();
        }
        queue_depth_.set(static_cast<double>(jobs_.size()));
        return group;
    }

    void write_until_closed() {
        while (auto group = next_group()) {
            if (!group->empty()) commit(*group);
            if (is_in_trouble() && std::chrono::steady_clock::now() >= next_try_) try_again();
        }
    }

    [[nodiscard]] bool is_in_trouble() const noexcept {
        return !can_read_.load() || !can_write_.load();
    }

    // Writes first: that makes the reader take its pages from the file again. The read is not
    // waited for; when the readers' queue is full the next turn tries again.
    void try_again() {
        if (probe(writing_)) can_write_.store(true);
        if (!can_read_.load() && !is_read_tried_.exchange(true)) {
            const bool taken = readers_.submit([this] {
                if (reads_.probe()) can_read_.store(true);
                is_read_tried_.store(false);
            });
            if (!taken) is_read_tried_.store(false);
        }
        next_try_ = std::chrono::steady_clock::now() + options_.probe_period;
    }

    // Runs every job of the group in one transaction and answers them after the commit.
    void commit(std::deque<job>& group) {
        const auto begun = std::chrono::steady_clock::now();
        std::vector<std::function<void(const std::optional<base::failure>&)>> answers;
        std::optional<base::failure> broken;
        auto started = writes_.begin();
        if (!started) broken = started.error();
        for (auto& each : group) {
            answers.push_back(std::visit([&](auto& which) { return run(which, broken); }, each));
        }
        if (!broken) {
            auto committed = writes_.commit();
            if (!committed) broken = committed.error();
        }
        if (broken) {
            writes_.roll_back();
            note_failure(can_write_, *broken);
            broken = as_unavailable(std::move(*broken));
        } else {
            can_write_.store(true);
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
        commit_seconds_.observe(took.count());
        for (auto& answer : answers) answer(broken);
    }

    // A failure of the file itself (not of one request) spoils the whole transaction.
    static bool is_of_the_file(const base::failure& why) noexcept {
        return why.code == errc::unavailable || why.code == errc::corrupt;
    }

    using answer_function = std::function<void(const std::optional<base::failure>&)>;

    answer_function run(put_job& which, std::optional<base::failure>& broken) {
        auto result = put_now(which.request, broken);
        return [this, done = which.done, result = std::move(result)](const auto& failed) mutable {
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete(std::move(result));
            }
            writes_total_.add();
        };
    }
    answer_function run(bulk_job& which, std::optional<base::failure>& broken) {
        std::vector<base::outcome<ports::revision>> results;
        for (const auto& request : which.requests) results.push_back(put_now(request, broken));
        return [this, done = which.done, results = std::move(results)](const auto& failed) mutable {
            writes_total_.add(results.size());
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete(std::move(results));
            }
        };
    }
    answer_function run(remove_job& which, std::optional<base::failure>& broken) {
        base::outcome<void> result;
        if (!broken) result = writes_.remove(which.request);
        if (!result && is_of_the_file(result.error())) broken = result.error();
        return [this, done = which.done, result = std::move(result)](const auto& failed) mutable {
            writes_total_.add();
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete(std::move(result));
            }
        };
    }
    answer_function run(close_job& which, std::optional<base::failure>&) {
        return [done = which.done](const auto& failed) mutable {
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete({});
            }
        };
    }

    base::outcome<ports::revision> put_now(const ports::put_request& request,
                                           std::optional<base::failure>& broken) {
        if (broken) return std::unexpected(*broken);
        auto result = writes_.put(request);
        if (!result && is_of_the_file(result.error())) broken = result.error();
        return result;
    }

    // `side` is what failed: can_read_ or can_write_. Any thread.
    void note_failure(std::atomic<bool>& side, const base::failure& why) {
        failures_total_.add();
        {
            const std::lock_guard lock(mutex_);  // the writer must not miss it
            if (!side.exchange(false)) return;
        }
        news_.notify_one();
        log_.error("store_failed", {{"file", options_.path}, {"detail", why.text}});
    }

    store_options options_;
    file_lock lock_;
    database writing_;
    database reading_;
    writing_tables writes_;
    reading_tables reads_;
    obs::log& log_;
    obs::histogram& commit_seconds_;
    obs::counter& writes_total_;
    obs::counter& failures_total_;
    obs::gauge& queue_depth_;
    std::mutex mutex_;
    std::condition_variable news_;
    std::deque<job> jobs_;
    bool is_stopping_ = false;
    std::atomic<bool> is_closed_{false};
    std::atomic<bool> can_read_{true};
    std::atomic<bool> can_write_{true};
    std::atomic<bool> is_read_tried_{false};  // a try of the reader is under way
    base::steady_time next_try_{};            // the writer's
    aio::blocking_pool readers_;
    std::thread writer_;
};

base::outcome<database> open_for_writing(const std::string& path) {
    auto file = database::open(path, false);
    if (!file) return file;
    for (const auto* pragma :
         {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = OFF",
          "PRAGMA wal_autocheckpoint = 2000", "PRAGMA temp_store = MEMORY"}) {
        auto set = file->execute(pragma);
        if (!set) return base::pass(std::move(set), fmt::format("'{}'", path));
    }
    auto migrated = migrate(*file);
    if (!migrated) return base::pass(std::move(migrated), fmt::format("'{}'", path));
    return file;
}

}  // namespace

base::outcome<std::unique_ptr<ports::document_store>> open_store(store_options how, obs::log& log,
                                                                 obs::registry& registry) {
    auto lock = file_lock::take(how.path + ".lock");
    if (!lock) return base::pass(std::move(lock), "store");
    // SQLite gives its side files the mode of the main one.
    const int made = ::open(how.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (made < 0) {
        return fail(errc::unavailable,
                    fmt::format("'{}' cannot be opened: {}", how.path, std::strerror(errno)));
    }
    ::close(made);
    auto writing = open_for_writing(how.path);
    if (!writing) return base::pass(std::move(writing), "store");
    auto reading = database::open(how.path, false);
    if (!reading) return base::pass(std::move(reading), "store");
    auto guarded = reading->execute("PRAGMA query_only = ON");
    if (!guarded) return base::pass(std::move(guarded), "store");
    auto writes = writing_tables::prepare(*writing);
    if (!writes) return base::pass(std::move(writes), "store");
    auto reads = reading_tables::prepare(*reading);
    if (!reads) return base::pass(std::move(reads), "store");
    return std::make_unique<store>(std::move(how), std::move(*lock), std::move(*writing),
                                   std::move(*reading), std::move(*writes), std::move(*reads), log,
                                   registry);
}

}  // namespace sqlite
