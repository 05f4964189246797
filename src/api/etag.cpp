#include "api/etag.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/fnv1a.hpp"

namespace api {

std::string etag_of(std::int64_t revision, std::uint64_t hash) {
    return fmt::format("\"{}-{:016x}\"", revision, hash);
}

std::string weak_etag_of(std::uint64_t hash, std::string_view state) {
    return state.empty() ? fmt::format("W/\"{:016x}\"", hash)
                         : fmt::format("W/\"{:016x}-{}\"", hash, state);
}

std::string etag_of_content(std::string_view text) {
    return fmt::format("\"{:016x}\"", base::fnv1a(text));
}

std::optional<std::int64_t> revision_of(const http::entity_tag& tag) {
    std::int64_t revision = 0;
    const auto text = tag.text.substr(0, tag.text.find('-'));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole && !tag.weak ? std::optional(revision) : std::nullopt;
}

bool is_known(std::string_view if_none_match, std::string_view etag) noexcept {
    if (if_none_match.empty()) return false;
    if (if_none_match == "*") return true;
    if (etag.starts_with("W/")) etag.remove_prefix(2);
    return if_none_match.find(etag) != std::string_view::npos;
}

}  // namespace api
