#pragma once
// The logs of the modules: each passes its lines to one target, and has a separate minimum severity
// that can change at any time. A call below the minimum costs one virtual call and one relaxed
// load, as for the target. Thread: any.

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

#include "obs/log.hpp"
#include "obs/log_levels.hpp"

namespace obs {

class module_logs {
  public:
    // `target` outlives this object and every log of it.
    module_logs(log_service& target, const log_levels& levels)
        : target_(target), logs_(make(target, std::make_index_sequence<log_module_count>())) {
        set_levels(levels);
    }
    module_logs(const module_logs&) = delete;
    module_logs& operator=(const module_logs&) = delete;

    // Returns the log of a module. The log of `main` is the target.
    [[nodiscard]] log& of(log_module module) noexcept {
        if (module == log_module::main) return target_;
        return logs_[static_cast<std::size_t>(module)];
    }
    // Changes the minimum severities of later events.
    void set_levels(const log_levels& levels) noexcept {
        target_.set_level_min(levels.of(log_module::main));
        for (std::size_t index = 0; index < log_module_count; ++index) {
            logs_[index].set_level_min(levels.of(static_cast<log_module>(index)));
        }
    }

  private:
    class module_log final : public log {
      public:
        explicit module_log(log& target) noexcept : target_(target) {}
        void write(level severity, std::string_view event,
                   std::initializer_list<field> fields) override {
            target_.write(severity, event, fields);
        }
        [[nodiscard]] bool is_enabled(level severity) const noexcept override {
            return severity >= level_min_.load(std::memory_order_relaxed);
        }
        void set_level_min(level minimum) noexcept {
            level_min_.store(minimum, std::memory_order_relaxed);
        }

      private:
        log& target_;
        std::atomic<level> level_min_{level::info};
    };
    using log_array = std::array<module_log, log_module_count>;
    template <std::size_t... Index>
    static log_array make(log& target, std::index_sequence<Index...> /*indexes*/) {
        return {((void)Index, module_log(target))...};
    }

    log_service& target_;
    log_array logs_;
};

}  // namespace obs
