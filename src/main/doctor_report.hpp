#pragma once
// The findings of `dbaas doctor` and their output. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace doctor {

enum class result : std::uint8_t { ok, warning, failed, skipped };
[[nodiscard]] constexpr std::string_view name(result value) noexcept {
    switch (value) {
        case result::ok:
            return "ok";
        case result::warning:
            return "warning";
        case result::failed:
            return "failed";
        case result::skipped:
            return "skipped";
    }
    return "";
}

struct finding {
    std::string check;  // "cluster", "permission pods", "engine redis"
    doctor::result result{};
    std::string detail;  // the evidence
    std::string advice{};
};

finding ok(std::string check, std::string detail);
finding warning(std::string check, std::string detail, std::string advice);
finding failed(std::string check, std::string detail, std::string advice);

// Returns 0, or 1 if a check failed.
int exit_code(const std::vector<finding>& findings) noexcept;
// One line per finding, with the advice below, and a summary.
std::string as_text(const std::vector<finding>& findings);
// {"healthy":…,"checks":[{"check":…,"result":…,"detail":…,"advice":…}]}
std::string as_json(const std::vector<finding>& findings);

}  // namespace doctor
