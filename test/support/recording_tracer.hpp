#pragma once
// A tracer that samples every span, and keeps the ended ones. Any thread.

#include <algorithm>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "obs/trace.hpp"

namespace fakes {

class recording_tracer final : public obs::tracer {
  public:
    [[nodiscard]] bool is_enabled() const noexcept override { return true; }
    // Follows the parent. Ids are consecutive numbers.
    [[nodiscard]] obs::trace_context start(
        const std::optional<obs::trace_context>& parent) noexcept override {
        const std::lock_guard lock(mutex_);
        obs::trace_context context{.is_sampled = !parent || parent->is_sampled};
        ++started_;
        context.span_id[7] = started_;
        if (parent) {
            context.trace_id = parent->trace_id;
        } else {
            context.trace_id[15] = started_;
        }
        return context;
    }
    void finish(obs::span ended) noexcept override {
        const std::lock_guard lock(mutex_);
        spans_.push_back(std::move(ended));
    }

    // Returns the ended spans, in the order of their ends.
    [[nodiscard]] std::vector<obs::span> spans() const {
        const std::lock_guard lock(mutex_);
        return spans_;
    }
    [[nodiscard]] std::optional<obs::span> span_named(std::string_view name) const {
        const std::lock_guard lock(mutex_);
        const auto it = std::ranges::find(spans_, name, &obs::span::name);
        if (it == spans_.end()) return std::nullopt;
        return *it;
    }

  private:
    mutable std::mutex mutex_;
    unsigned char started_ = 0;
    std::vector<obs::span> spans_;
};

}  // namespace fakes
