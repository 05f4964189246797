#pragma once
// A log that keeps its lines, for tests of what is logged. Any thread.

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "obs/log.hpp"

namespace fakes {

class recording_log final : public obs::log {
  public:
    // Keeps the line as "event key=value key=value".
    void write(obs::level, std::string_view event,
               std::initializer_list<obs::field> fields) override {
        std::string line(event);
        for (const auto& field : fields) {
            if (field.key().empty()) continue;
            std::visit(
                [&](const auto& value) {
                    fmt::format_to(std::back_inserter(line), " {}={}", field.key(), value);
                },
                field.value());
        }
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    [[nodiscard]] bool is_enabled(obs::level) const noexcept override { return true; }

    [[nodiscard]] std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    [[nodiscard]] std::vector<std::string> lines_of(std::string_view event) const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> result;
        std::ranges::copy_if(lines_, std::back_inserter(result), [&](const std::string& line) {
            return line.substr(0, line.find(' ')) == event;
        });
        return result;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

}  // namespace fakes
