#include "sqlite/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <variant>

#include "aio/blocking.hpp"
#include "aio/completion.hpp"
#include "base/errno_text.hpp"
#include "sqlite/document_tables.hpp"

namespace sqlite {
namespace {

using base::errc;
using base::fail;

// Converts to the contract of the port, where a missing and a corrupt file are both unavailable.
base::failure as_unavailable(base::failure error) {
    if (error.code == errc::corrupt) error.reason = "corrupt";
    error.code = errc::unavailable;
    return error;
}

// An exclusive flock() on the lock file. The kernel releases it when the process ends, also after
// kill -9, so a stale lock file never blocks a start. SQLite's own exclusive locking mode is not
// used, because the store reads and writes on two connections.
class file_lock {
  public:
    explicit file_lock(int descriptor) : fd_(descriptor) {}
    file_lock(file_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    file_lock& operator=(file_lock&&) = delete;
    ~file_lock() {
        if (fd_ >= 0) ::close(fd_);
    }
    static base::outcome<file_lock> acquire(const std::string& path) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            return fail(errc::unavailable,
                        fmt::format("'{}' cannot be opened: {}", path, base::errno_text(errno)));
        }
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
            ::close(fd);
            return fail(errc::conflict,
                        fmt::format("'{}' is locked by another process; stop that process or set "
                                    "another data directory",
                                    path),
                        "locked");
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
struct restore_job {
    std::string collection;
    std::vector<ports::document> documents;
    aio::completion<void> done;
};
struct close_job {
    aio::completion<void> done;
};
using job = std::variant<put_job, remove_job, bulk_job, restore_job, close_job>;

class store final : public ports::document_archive {
  public:
    store(store_options options, file_lock lock, database writing, database reading,
          writing_tables writes, reading_tables reads, obs::log& log, obs::registry& registry)
        : options_(std::move(options)),
          lock_(std::move(lock)),
          writing_(std::move(writing)),
          reading_(std::move(reading)),
          writes_(std::move(writes)),
          reads_(std::move(reads)),
          log_(log),
          commit_seconds_(registry.make_histogram("dbaas_store_commit_duration_seconds",
                                                  "Duration of commits of grouped writes.",
                                                  obs::latency_bounds_seconds())),
          writes_total_(
              registry.make_counter("dbaas_store_writes_total", "Documents written or deleted.")),
          failures_total_(
              registry.make_counter("dbaas_store_failures_total", "Failed commits and reads.")),
          queue_depth_(registry.make_gauge("dbaas_store_queue_depth",
                                           "Writes waiting for the writer thread.")),
          readers_(1, options_.queue_max),
          writer_([this] { write_until_closed(); }) {}

    ~store() override {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        jobs_changed_.notify_one();
        writer_.join();
    }

    aio::task<ports::revision> put(ports::put_request request) override {
        const auto executor = co_await aio::this_executor();
        aio::completion<ports::revision> done(executor);
        auto queued = enqueue(put_job{std::move(request), done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override {
        const auto executor = co_await aio::this_executor();
        aio::completion<std::vector<base::outcome<ports::revision>>> done(executor);
        auto queued = enqueue(bulk_job{std::move(requests), done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

    aio::task<void> remove(ports::delete_request request) override {
        const auto executor = co_await aio::this_executor();
        aio::completion<void> done(executor);
        auto queued = enqueue(remove_job{std::move(request), done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

    aio::task<void> restore(std::string collection,
                            std::vector<ports::document> documents) override {
        const auto executor = co_await aio::this_executor();
        aio::completion<void> done(executor);
        auto queued = enqueue(restore_job{std::move(collection), std::move(documents), done});
        if (!queued) co_return base::pass(std::move(queued));
        co_return co_await done.wait();
    }

    aio::task<std::vector<std::string>> collections() override {
        co_return co_await read<std::vector<std::string>>([this] { return reads_.collections(); });
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
        const auto executor = co_await aio::this_executor();
        aio::completion<void> done(executor);
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
            co_return fail(errc::unavailable, "the queue of the store is full",
                           ports::store_cause::queue_full);
        }
        if (!result && is_file_failure(result.error())) {
            note_failure(can_read_, result.error());
            co_return std::unexpected(as_unavailable(std::move(result).error()));
        }
        co_return result;
    }

    base::outcome<void> enqueue(job job) {
        const bool is_close = std::holds_alternative<close_job>(job);
        {
            const std::lock_guard lock(mutex_);
            if (is_closed_.load()) return fail(errc::unavailable, "the store is closed");
            if (jobs_.size() >= options_.queue_max && !is_close) {
                return fail(errc::unavailable, "the queue of the store is full",
                            ports::store_cause::queue_full);
            }
            if (is_close) is_closed_.store(true);
            jobs_.push_back(std::move(job));
            queue_depth_.set(static_cast<double>(jobs_.size()));
        }
        jobs_changed_.notify_one();
        return {};
    }

    // Waits for jobs. After a failure of the file, also returns an empty group when the next check
    // is due. Returns nullopt when the store stops.
    std::optional<std::deque<job>> next_group() {
        std::unique_lock lock(mutex_);
        const auto has_work = [this] { return !jobs_.empty() || is_stopping_; };
        jobs_changed_.wait(lock, [&] { return has_work() || has_failed(); });
        if (!has_work()) jobs_changed_.wait_until(lock, next_check_, has_work);
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
            if (has_failed() && std::chrono::steady_clock::now() >= next_check_) check_file();
        }
    }

    [[nodiscard]] bool has_failed() const noexcept {
        return !can_read_.load() || !can_write_.load();
    }

    // Checks writing first, because a write makes the reader load its pages from the file again.
    // Does not wait for the read. If the queue of the reader is full, the next check retries.
    void check_file() {
        if (probe(writing_)) note_success(can_write_);
        if (!can_read_.load() && !is_read_checked_.exchange(true)) {
            const bool is_accepted = readers_.submit([this] {
                if (reads_.probe()) note_success(can_read_);
                is_read_checked_.store(false);
            });
            if (!is_accepted) is_read_checked_.store(false);
        }
        next_check_ = std::chrono::steady_clock::now() + options_.probe_period;
    }

    using completion_function = std::function<void(const std::optional<base::failure>&)>;

    // Runs every job of the group in one transaction and completes them after the commit.
    void commit(std::deque<job>& group) {
        const auto start = std::chrono::steady_clock::now();
        std::vector<completion_function> completions;
        completions.reserve(group.size());
        std::optional<base::failure> broken;
        const auto begun = writes_.begin();
        if (!begun) broken = begun.error();
        for (auto& job : group) {
            completions.push_back(
                std::visit([&](auto& specific) { return run(specific, broken); }, job));
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
            note_success(can_write_);
        }
        const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - start;
        commit_seconds_.observe(duration.count());
        for (auto& complete : completions) complete(broken);
    }

    // A failure of the file, in contrast to a rejected request, fails the whole transaction.
    static bool is_file_failure(const base::failure& error) noexcept {
        return error.code == errc::unavailable || error.code == errc::corrupt;
    }

    completion_function run(put_job& job, std::optional<base::failure>& broken) {
        auto result = put_now(job.request, broken);
        return [this, done = job.done, result = std::move(result)](const auto& failed) mutable {
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete(std::move(result));
            }
            writes_total_.add();
        };
    }
    completion_function run(bulk_job& job, std::optional<base::failure>& broken) {
        std::vector<base::outcome<ports::revision>> results;
        results.reserve(job.requests.size());
        for (const auto& request : job.requests) results.push_back(put_now(request, broken));
        return [this, done = job.done, results = std::move(results)](const auto& failed) mutable {
            writes_total_.add(results.size());
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete(std::move(results));
            }
        };
    }
    completion_function run(remove_job& job, std::optional<base::failure>& broken) {
        base::outcome<void> result;
        if (!broken) result = writes_.remove(job.request);
        if (!result && is_file_failure(result.error())) broken = result.error();
        return [this, done = job.done, result = std::move(result)](const auto& failed) mutable {
            writes_total_.add();
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete(std::move(result));
            }
        };
    }
    completion_function run(restore_job& job, std::optional<base::failure>& broken) {
        base::outcome<void> result;
        for (const auto& document : job.documents) {
            if (broken || !result) break;
            result = writes_.restore(job.collection, document);
            if (!result && is_file_failure(result.error())) broken = result.error();
        }
        writes_total_.add(job.documents.size());
        return [done = job.done, result = std::move(result)](const auto& failed) mutable {
            if (failed) {
                done.complete(std::unexpected(*failed));
            } else {
                done.complete(std::move(result));
            }
        };
    }
    completion_function run(close_job& job, std::optional<base::failure>&) {
        return [done = job.done](const auto& failed) mutable {
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
        if (!result && is_file_failure(result.error())) broken = result.error();
        return result;
    }

    // Clears `flag`, which is can_read_ or can_write_, and logs the first failure. Thread: any.
    void note_failure(std::atomic<bool>& flag, const base::failure& error) {
        failures_total_.add();
        {
            const std::lock_guard lock(mutex_);  // so that the writer sees the change
            if (!flag.exchange(false)) return;
        }
        jobs_changed_.notify_one();
        log_.error("store_failed", {{"file", options_.path}, {"detail", error.text}});
    }

    // Sets `flag`, which is can_read_ or can_write_, and logs the end of a failure. Thread: any.
    void note_success(std::atomic<bool>& flag) {
        if (flag.load() || flag.exchange(true)) return;
        log_.info("store_recovered", {{"file", options_.path}});
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
    std::condition_variable jobs_changed_;
    std::deque<job> jobs_;
    bool is_stopping_ = false;
    std::atomic<bool> is_closed_{false};
    std::atomic<bool> can_read_{true};
    std::atomic<bool> can_write_{true};
    std::atomic<bool> is_read_checked_{false};  // a check of the reader is in progress
    base::steady_time next_check_{};            // used by the writer only
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

base::outcome<std::unique_ptr<ports::document_archive>> open_store(store_options options,
                                                                   obs::log& log,
                                                                   obs::registry& registry) {
    auto lock = file_lock::acquire(options.path + ".lock");
    if (!lock) return base::pass(std::move(lock), "store");
    // SQLite creates its additional files with the mode of the main file.
    const int descriptor = ::open(options.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return fail(errc::unavailable, fmt::format("'{}' cannot be opened: {}", options.path,
                                                   base::errno_text(errno)));
    }
    ::close(descriptor);
    auto writing = open_for_writing(options.path);
    if (!writing) return base::pass(std::move(writing), "store");
    auto reading = database::open(options.path, false);
    if (!reading) return base::pass(std::move(reading), "store");
    auto guarded = reading->execute("PRAGMA query_only = ON");
    if (!guarded) return base::pass(std::move(guarded), "store");
    auto writes = writing_tables::prepare(*writing);
    if (!writes) return base::pass(std::move(writes), "store");
    auto reads = reading_tables::prepare(*reading);
    if (!reads) return base::pass(std::move(reads), "store");
    return std::make_unique<store>(std::move(options), std::move(*lock), std::move(*writing),
                                   std::move(*reading), std::move(*writes), std::move(*reads), log,
                                   registry);
}

}  // namespace sqlite
