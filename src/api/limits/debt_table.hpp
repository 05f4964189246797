#pragma once
// The debts of callers (domain/rate_limit.hpp) in a fixed number of atomic slots: no lock, no
// allocation, no I/O. A new caller takes the slot of one whose debt is paid. If no slot near its
// own is free, it takes that of the caller with the smallest debt, which then starts without debt.
// Any thread. Inside api only.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "domain/rate_limit.hpp"

namespace api {

class debt_table {
  public:
    // Precondition: the number of slots is a power of two, at least `probes`.
    explicit debt_table(std::size_t slots = std::size_t{1} << 14U);

    // Counts one request of a caller. `caller` is the hash of its name; 0 is another spelling of 1.
    domain::rate_step admit(std::uint64_t caller, const domain::rate_quota& quota,
                            base::steady_time now) noexcept;
    // Returns the debt of a caller.
    [[nodiscard]] std::chrono::nanoseconds debt(std::uint64_t caller,
                                                base::steady_time now) const noexcept;
    // Raises the debt of a caller to that of a shared limit. A larger debt stays.
    void raise(std::uint64_t caller, std::chrono::nanoseconds debt, base::steady_time now) noexcept;

    static constexpr std::size_t probes = 8;

  private:
    struct slot {
        std::atomic<std::uint64_t> caller{0};  // 0: never used
        std::atomic<std::int64_t> paid_at{0};  // steady time in ns
    };
    slot& slot_of(std::uint64_t caller, std::int64_t now) noexcept;
    [[nodiscard]] slot& slot_at(std::uint64_t caller, std::size_t probe) const noexcept {
        return slots_[(caller + probe) & mask_];
    }

    std::size_t mask_;
    std::unique_ptr<slot[]> slots_;
};

}  // namespace api
