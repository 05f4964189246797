#include "api/etag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/fnv1a.hpp"

namespace api {
namespace {

constexpr std::size_t hash_digits = 16;

bool is_hex_digit(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Removes the number that the text begins with, in the form of a tag. Nothing, and an unchanged
// text, if there is none.
std::optional<std::uint64_t> take_hex(std::string_view& text) {
    const auto digits = text.substr(0, hash_digits);
    if (digits.size() < hash_digits || !std::ranges::all_of(digits, is_hex_digit)) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    text.remove_prefix(hash_digits);
    return value;
}

// Apache, Caddy and Jetty append a suffix to the tag of a response that they compress, and pass
// the conditions of later requests on with it.
bool is_proxy_suffix(std::string_view text) noexcept {
    constexpr std::array<std::string_view, 5> suffixes{"", "-gzip", "--gzip", "-br", "-zstd"};
    return std::ranges::find(suffixes, text) != suffixes.end();
}

}  // namespace

std::string etag_of(std::int64_t revision, std::uint64_t hash) {
    return fmt::format("\"{}-{:016x}\"", revision, hash);
}

std::string etag_of(std::int64_t revision, base::instant created_at, std::uint64_t hash) {
    return fmt::format("\"{}-{:016x}-{:016x}\"", revision, app::incarnation_of(created_at), hash);
}

std::uint64_t hash_of_database(std::string_view document) {
    // The member of the status follows all text of users: a label may have the same name.
    constexpr std::string_view member = R"(,"observed_at":)";
    const auto begin = document.rfind(member);
    if (begin == std::string_view::npos) return base::fnv1a(document);
    const auto end = document.find(',', begin + member.size());
    return base::fnv1a(document.substr(end), base::fnv1a(document.substr(0, begin)));
}

std::string weak_etag_of(std::uint64_t hash, std::string_view state) {
    return state.empty() ? fmt::format("W/\"{:016x}\"", hash)
                         : fmt::format("W/\"{:016x}-{}\"", hash, state);
}

std::string etag_of_content(std::string_view text) {
    return fmt::format("\"{:016x}\"", base::fnv1a(text));
}

std::optional<app::seen_version> version_of(const http::entity_tag& tag) {
    app::seen_version version;
    const auto hyphen = tag.text.find('-');
    const auto text = tag.text.substr(0, hyphen);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), version.revision);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    if (!is_whole) return std::nullopt;
    // The tag of a list is weak and may consist of decimal digits alone.
    if (hyphen == std::string_view::npos) {
        return tag.weak ? std::nullopt : std::optional(version);
    }
    auto rest = tag.text.substr(hyphen + 1);
    auto hash = take_hex(rest);
    if (hash && rest.starts_with('-')) {
        auto other = rest.substr(1);
        if (take_hex(other)) {
            version.incarnation = hash;
            rest = other;
        }
    }
    const bool has_hash = hash && is_proxy_suffix(rest);
    return !tag.weak || has_hash ? std::optional(version) : std::nullopt;
}

bool is_known_encoding(std::string_view if_none_match, std::string_view etag) noexcept {
    return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

bool is_known(std::string_view if_none_match, std::string_view etag) noexcept {
    if (if_none_match.empty()) return false;
    if (if_none_match == "*") return true;
    if (etag.starts_with("W/")) etag.remove_prefix(2);
    etag.remove_suffix(1);
    for (auto begin = if_none_match.find(etag); begin != std::string_view::npos;
         begin = if_none_match.find(etag, begin + 1)) {
        const auto rest = if_none_match.substr(begin + etag.size());
        const auto quote = rest.find('"');
        if (quote != std::string_view::npos && is_proxy_suffix(rest.substr(0, quote))) return true;
    }
    return false;
}

}  // namespace api
