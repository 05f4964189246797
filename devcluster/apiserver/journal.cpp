#include "devcluster/apiserver/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/errno_text.hpp"

namespace apiserver {
namespace {

namespace fs = std::filesystem;
using base::errc;
using base::fail;

std::string framed(std::string_view line) {
    boost::crc_32_type sum;
    sum.process_bytes(line.data(), line.size());
    return fmt::format("{:08x} {}\n", sum.checksum(), line);
}

// The line without its checksum; nullopt if the checksum does not match.
std::optional<std::string_view> unframed(std::string_view line) {
    std::uint32_t checksum = 0;
    if (line.size() < 9 || line[8] != ' ') return std::nullopt;
    const auto [end, error] = std::from_chars(line.data(), line.data() + 8, checksum, 16);
    if (error != std::errc() || end != line.data() + 8) return std::nullopt;
    const auto text = line.substr(9);
    boost::crc_32_type sum;
    sum.process_bytes(text.data(), text.size());
    if (sum.checksum() != checksum) return std::nullopt;
    return text;
}

class file_descriptor {
  public:
    file_descriptor() = default;
    explicit file_descriptor(int number) : number_(number) {}
    file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    file_descriptor& operator=(file_descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~file_descriptor() {
        if (number_ >= 0) close(number_);
    }
    [[nodiscard]] int get() const noexcept { return number_; }
    explicit operator bool() const noexcept { return number_ >= 0; }

  private:
    int number_ = -1;
};

base::failure failure_at(const std::string& path) {
    return {errc::unavailable,
            fmt::format("'{}' cannot be written: {}", path, base::errno_text(errno))};
}

bool write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto wrote = write(file, bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

constexpr std::string_view log_prefix = "objects.log.";

std::vector<std::uint64_t> log_numbers(const std::string& folder) {
    std::vector<std::uint64_t> numbers;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto name = entry.path().filename().string();
        if (!name.starts_with(log_prefix)) continue;
        numbers.push_back(std::strtoull(name.c_str() + log_prefix.size(), nullptr, 10));
    }
    std::ranges::sort(numbers);
    return numbers;
}

// Returns the number of bytes in whole lines.
base::outcome<std::uint64_t> read_lines(
    const std::string& path, bool may_be_torn,
    const std::function<base::outcome<void>(std::string_view)>& take) {
    std::ifstream file(path, std::ios::binary);
    std::string line;
    std::uint64_t good = 0;
    bool is_broken = false;
    while (std::getline(file, line)) {
        const auto text = file.eof() ? std::nullopt : unframed(line);
        if (text && is_broken) {
            return fail(errc::corrupt, fmt::format("'{}' is broken at byte {}", path, good));
        }
        is_broken = !text;
        if (is_broken) continue;
        auto result = take(*text);
        if (!result) return base::pass(std::move(result), path);
        good += line.size() + 1;
    }
    if (is_broken && !may_be_torn) {
        return fail(errc::corrupt, fmt::format("'{}' is broken at byte {}", path, good));
    }
    return good;
}

class file_journal final : public journal {
  public:
    explicit file_journal(options options) : options_(std::move(options)) {}

    ~file_journal() override {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        news_.notify_all();
        if (writer_.joinable()) writer_.join();
        if (log_) fdatasync(log_.get());
    }

    base::outcome<void> open(const std::function<base::outcome<void>(std::string_view)>& take) {
        std::error_code error;
        fs::create_directories(options_.folder, error);
        fs::permissions(options_.folder, fs::perms::owner_all, error);
        if (error) {
            return fail(errc::unavailable, fmt::format("'{}' cannot be created: {}",
                                                       options_.folder, error.message()));
        }
        auto read = read_lines(snapshot_path(), false, take);
        if (!read) return base::pass(std::move(read));
        snapshot_bytes_ = *read;
        logs_ = log_numbers(options_.folder);
        if (logs_.empty()) logs_.push_back(1);
        for (const auto each : logs_) {
            read = read_lines(log_path(each), each == logs_.back(), take);
            if (!read) return base::pass(std::move(read));
            log_bytes_ = *read;
            all_log_bytes_ += *read;
        }
        auto opened = open_log();
        if (!opened) return opened;
        writer_ = std::thread([this] { run(); });
        return {};
    }

    base::outcome<void> append(std::string_view line) override {
        const auto bytes = framed(line);
        if (!write_all(log_.get(), bytes)) {
            auto error = failure_at(log_path(logs_.back()));
            // Removes the partial line, so that the next line does not follow it.
            if (ftruncate(log_.get(), static_cast<off_t>(log_bytes_)) != 0) {
                error.text += "; nor can the torn line be taken back";
            }
            return std::unexpected(std::move(error));
        }
        log_bytes_ += bytes.size();
        all_log_bytes_ += bytes.size();
        const std::lock_guard lock(mutex_);
        if (!std::exchange(is_dirty_, true)) news_.notify_all();
        return {};
    }

    [[nodiscard]] bool wants_snapshot() const override {
        const std::lock_guard lock(mutex_);
        return !pending_ && !is_writing_ &&
               all_log_bytes_ > std::max(options_.compact_bytes, 2 * snapshot_bytes_);
    }

    void snapshot(content all) override {
        const auto old = logs_.back();
        const auto old_bytes = std::exchange(log_bytes_, 0);
        logs_.push_back(old + 1);
        all_log_bytes_ = 0;
        if (!open_log()) {  // continue with the old log
            logs_.pop_back();
            log_bytes_ = old_bytes;
            return;
        }
        const std::lock_guard lock(mutex_);
        pending_ = std::move(all);
        pending_covers_ = old;
        logs_ = {old + 1};
        news_.notify_all();
    }

  private:
    [[nodiscard]] std::string snapshot_path() const {
        return options_.folder + "/objects.snapshot";
    }
    [[nodiscard]] std::string log_path(std::uint64_t number) const {
        return fmt::format("{}/{}{}", options_.folder, log_prefix, number);
    }

    base::outcome<void> open_log() {
        const auto path = log_path(logs_.back());
        file_descriptor made(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        if (!made || ftruncate(made.get(), static_cast<off_t>(log_bytes_)) != 0) {
            return std::unexpected(failure_at(path));
        }
        const std::lock_guard lock(mutex_);
        log_ = std::move(made);
        return {};
    }

    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            news_.wait(lock, [this] { return is_stopping_ || is_dirty_ || pending_; });
            if (pending_) {
                const auto all = std::exchange(pending_, {});
                const auto covers = pending_covers_;
                is_writing_ = true;
                lock.unlock();
                const auto size = write_snapshot(all);
                if (size) remove_logs(covers);
                lock.lock();
                is_writing_ = false;
                if (size) snapshot_bytes_ = *size;
                continue;
            }
            if (is_stopping_) return;
            // Lines appended during the wait share the next fdatasync().
            news_.wait_for(lock, options_.sync_period, [this] { return is_stopping_; });
            is_dirty_ = false;
            const file_descriptor same(fcntl(log_.get(), F_DUPFD_CLOEXEC, 0));
            lock.unlock();
            if (same) fdatasync(same.get());
            lock.lock();
        }
    }

    std::optional<std::uint64_t> write_snapshot(const content& all) const {
        const auto fresh = snapshot_path() + ".new";
        const file_descriptor file(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file) return std::nullopt;
        std::string buffer;
        std::uint64_t size = 0;
        bool is_whole = true;
        const auto flush = [&] {
            is_whole = is_whole && write_all(file.get(), buffer);
            size += buffer.size();
            buffer.clear();
        };
        all([&](std::string_view line) {
            buffer += framed(line);
            if (buffer.size() > 1024 * 1024) flush();
        });
        flush();
        if (!is_whole || fsync(file.get()) != 0) return std::nullopt;
        if (rename(fresh.c_str(), snapshot_path().c_str()) != 0) return std::nullopt;
        const file_descriptor folder(::open(options_.folder.c_str(), O_RDONLY | O_CLOEXEC));
        if (!folder || fsync(folder.get()) != 0) return std::nullopt;
        return size;
    }

    void remove_logs(std::uint64_t until) const {
        std::error_code error;
        for (const auto each : log_numbers(options_.folder)) {
            if (each <= until) fs::remove(log_path(each), error);
        }
    }

    const options options_;
    // Used by the appending thread only.
    std::vector<std::uint64_t> logs_;
    std::uint64_t log_bytes_ = 0;
    std::uint64_t all_log_bytes_ = 0;
    // Shared by both threads.
    mutable std::mutex mutex_;
    std::condition_variable news_;
    file_descriptor log_;
    std::uint64_t snapshot_bytes_ = 0;
    content pending_;
    std::uint64_t pending_covers_ = 0;
    bool is_writing_ = false;
    bool is_dirty_ = false;
    bool is_stopping_ = false;
    std::thread writer_;
};

}  // namespace

base::outcome<std::unique_ptr<journal>> open_journal(
    journal::options options, const std::function<base::outcome<void>(std::string_view)>& take) {
    auto result = std::make_unique<file_journal>(std::move(options));
    auto opened = result->open(take);
    if (!opened) return base::pass(std::move(opened));
    return result;
}

}  // namespace apiserver
