#include "main/doctor_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/json_writer.hpp"

namespace doctor {

finding ok(std::string check, std::string detail) {
    return {.check = std::move(check), .result = result::ok, .detail = std::move(detail)};
}

finding warning(std::string check, std::string detail, std::string advice) {
    return {.check = std::move(check),
            .result = result::warning,
            .detail = std::move(detail),
            .advice = std::move(advice)};
}

finding failed(std::string check, std::string detail, std::string advice) {
    return {.check = std::move(check),
            .result = result::failed,
            .detail = std::move(detail),
            .advice = std::move(advice)};
}

int exit_code(const std::vector<finding>& findings) noexcept {
    return std::ranges::any_of(findings,
                               [](const finding& entry) { return entry.result == result::failed; })
               ? 1
               : 0;
}

std::string as_text(const std::vector<finding>& findings) {
    std::string text;
    for (const auto& entry : findings) {
        text += fmt::format("{:<8} {}: {}\n", name(entry.result), entry.check, entry.detail);
        if (!entry.advice.empty()) text += fmt::format("         {}\n", entry.advice);
    }
    const auto count = [&](result value) {
        return std::ranges::count(findings, value, &finding::result);
    };
    text += fmt::format("{} checks: {} ok, {} warnings, {} failed, {} skipped\n", findings.size(),
                        count(result::ok), count(result::warning), count(result::failed),
                        count(result::skipped));
    return text;
}

std::string as_json(const std::vector<finding>& findings) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("healthy", exit_code(findings) == 0).key("checks").begin_array();
    for (const auto& entry : findings) {
        out.begin_object().member("check", entry.check).member("result", name(entry.result));
        out.member("detail", entry.detail).member("advice", entry.advice).end_object();
    }
    out.end_array().end_object();
    return text + "\n";
}

}  // namespace doctor
