#pragma once
// A clock of a machine whose wall time is wrong. Thread: that of the right clock.

#include <chrono>
#include <functional>
#include <utility>

#include "base/clock.hpp"

namespace fakes {

class wrong_clock final : public base::clock {
  public:
    // `error` is added to the wall time of `right`, which must outlive this clock.
    wrong_clock(const base::clock& right, std::chrono::seconds error)
        : right_(right), error_(error) {}
    [[nodiscard]] base::steady_time now() const noexcept override { return right_.now(); }
    [[nodiscard]] base::instant utc_now() const noexcept override {
        return right_.utc_now() + error_;
    }
    bool call_at(base::steady_time time, std::function<void()> wake) const override {
        return right_.call_at(time, std::move(wake));
    }

  private:
    const base::clock& right_;
    std::chrono::seconds error_;
};

}  // namespace fakes
