#pragma once
// The metrics of the platform itself, in the Prometheus text format 0.0.4. A module declares its
// metrics once, in the constructor of its metrics struct. Counting is a relaxed atomic add without
// a lock. main_job_test compares names, types and labels with docs/metrics.md.

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace obs {

using label_list = std::vector<std::pair<std::string, std::string>>;

// The registry owns all counters, gauges and histograms.
class counter {
  public:
    void add(std::uint64_t amount = 1) noexcept {
        value_.fetch_add(amount, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> value_{0};
};

class gauge {
  public:
    void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
    void add(double amount) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
    [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<double> value_{0};
};

class histogram {
  public:
    explicit histogram(std::span<const double> upper_bounds);
    void observe(double value) noexcept;  // ignores NaN
    [[nodiscard]] std::span<const double> bounds() const noexcept { return bounds_; }
    // Returns the count of one bucket, not cumulative. The bucket bounds().size() is +Inf.
    [[nodiscard]] std::uint64_t bucket(std::size_t index) const noexcept;
    [[nodiscard]] double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

  private:
    std::vector<double> bounds_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
    std::atomic<double> sum_{0};
};

// Returns bounds from 1 ms to 10 s for request durations.
std::span<const double> latency_bounds_seconds() noexcept;

class registry {
  public:
    registry();
    ~registry();
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;

    // Declares a series. The same name with other label values is another series of the family. The
    // same name and labels return the same object. Aborts with a message on a defect: an invalid
    // name, a repeated label, a name with two types, label names or bounds, a series with both an
    // object and a callback, more than 1,000 series in a family. Thread: any.
    counter& make_counter(std::string_view name, std::string_view help, label_list labels = {});
    gauge& make_gauge(std::string_view name, std::string_view help, label_list labels = {});
    histogram& make_histogram(std::string_view name, std::string_view help,
                              std::span<const double> bounds, label_list labels = {});
    // Declares a series whose value belongs to another object. expose() calls `read` on its own
    // thread and without a lock, so `read` must be fast and thread-safe. One callback per series.
    void make_callback_gauge(std::string_view name, std::string_view help, label_list labels,
                             std::function<double()> read);
    void make_callback_counter(std::string_view name, std::string_view help, label_list labels,
                               std::function<double()> read);

    // Returns the exposition page, sorted by name.
    [[nodiscard]] std::string expose() const;
    // Returns sorted lines "name type label1,label2".
    [[nodiscard]] std::string catalogue() const;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace obs
