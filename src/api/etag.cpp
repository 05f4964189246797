#include "api/etag.hpp"

#include <fmt/format.h>

#include <charconv>

namespace api {

std::string etag_of(std::int64_t revision, const publication& seen) {
    return fmt::format("\"{}-{}.{}\"", revision, seen.generation, seen.version);
}

std::string weak_etag_of(const publication& seen) {
    return fmt::format("W/\"{}.{}\"", seen.generation, seen.version);
}

std::string etag_of(const domain::project& record) {
    return fmt::format("\"{}-{:x}\"", record.revision,
                       record.created_at.time_since_epoch().count());
}

std::string etag_of_content(std::string_view text) {
    return fmt::format("\"{:016x}\"", digest(text));
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
