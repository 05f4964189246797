#pragma once
// The platform's own metrics in the Prometheus text format 0.0.4. A module declares its metrics
// once in its probe struct, at construction; counting afterwards is a relaxed atomic add without a
// lock. Names, labels and help are compared with docs/metrics.md by a test.

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

// Handles live as long as the registry.
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
    void observe(double value) noexcept;  // NaN is nothing
    [[nodiscard]] std::span<const double> bounds() const noexcept { return bounds_; }
    [[nodiscard]] std::uint64_t bucket(
        std::size_t at) const noexcept;  // not cumulative; at == bounds().size(): +Inf
    [[nodiscard]] double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

  private:
    std::vector<double> bounds_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
    std::atomic<double> sum_{0};
};

// 1 ms ... 10 s, for request durations.
std::span<const double> latency_bounds_seconds() noexcept;

class registry {
  public:
    registry();
    ~registry();
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;

    // The same name with other labels is another series of one family; the same name and labels
    // again is the same handle. A bad name, a label twice, a name with two types, other labels or
    // other bounds, a series with both a handle and a callback, or over 1,000 series in a family is
    // a defect: it aborts with a sentence. Any thread.
    counter& make_counter(std::string_view name, std::string_view help, label_list labels = {});
    gauge& make_gauge(std::string_view name, std::string_view help, label_list labels = {});
    histogram& make_histogram(std::string_view name, std::string_view help,
                              std::span<const double> bounds, label_list labels = {});
    // Asked at each exposition, on the exposing thread and without a lock: for values that somebody
    // else keeps. Must be cheap and thread-safe. One per series.
    void make_callback_gauge(std::string_view name, std::string_view help, label_list labels,
                             std::function<double()> read);
    void make_callback_counter(std::string_view name, std::string_view help, label_list labels,
                               std::function<double()> read);

    // The whole page, families sorted by name.
    [[nodiscard]] std::string expose() const;
    // "name type label1,label2" lines, sorted: the committed list.
    [[nodiscard]] std::string catalogue() const;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace obs
