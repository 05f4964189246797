#include "kube/resource_version.hpp"

#include <algorithm>

namespace kube {
namespace {

bool is_integer(std::string_view text) noexcept {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<std::strong_ordering> compare_versions(std::string_view left,
                                                     std::string_view right) noexcept {
    if (!is_integer(left) || !is_integer(right)) return std::nullopt;
    if (left.size() != right.size()) return left.size() <=> right.size();
    return left <=> right;
}

bool is_older(std::string_view left, std::string_view right) noexcept {
    const auto order = compare_versions(left, right);
    return order && *order == std::strong_ordering::less;
}

}  // namespace kube
