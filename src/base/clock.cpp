#include "base/clock.hpp"

namespace base {
namespace {

class machine_clock final : public clock {
  public:
    steady_time now() const noexcept override { return std::chrono::steady_clock::now(); }
    instant utc_now() const noexcept override {
        return std::chrono::time_point_cast<std::chrono::microseconds>(
            std::chrono::system_clock::now());
    }
};

}  // namespace

bool clock::call_at(steady_time /*time*/, std::function<void()> /*wake*/) const {
    return false;
}

const clock& system_clock() noexcept {
    static const machine_clock the_clock;
    return the_clock;
}

}  // namespace base
