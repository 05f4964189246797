#include "domain/text_rules.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace domain {
namespace {

bool is_lower_alnum(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) noexcept {
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

}  // namespace

bool is_label_word(std::string_view text) noexcept {
    if (text.empty() || text.size() > 63 || !is_alnum(text.front()) || !is_alnum(text.back())) {
        return false;
    }
    return std::ranges::all_of(
        text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

std::string_view reserved_domain_of(std::string_view label_key) noexcept {
    const auto slash = label_key.find('/');
    if (slash == std::string_view::npos) return {};
    const auto prefix = label_key.substr(0, slash);
    for (const auto domain : reserved_label_domains) {
        if (!prefix.ends_with(domain)) continue;
        const bool is_whole = prefix.size() == domain.size();
        if (is_whole || prefix[prefix.size() - domain.size() - 1] == '.') return domain;
    }
    return {};
}

bool is_dns_subdomain(std::string_view text) noexcept {
    if (text.empty() || text.size() > 253) return false;
    bool boundary = true;  // a part begins here
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '.' || c == '-') {
            if (boundary) return false;
            boundary = c == '.';
            if (c == '-' && (i + 1 == text.size() || text[i + 1] == '.')) return false;
        } else if (is_lower_alnum(c)) {
            boundary = false;
        } else {
            return false;
        }
    }
    return !boundary;
}

bool is_service_account(std::string_view text) noexcept {
    if (!text.starts_with(service_account_prefix)) return false;
    text.remove_prefix(service_account_prefix.size());
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    const auto ns = text.substr(0, colon);
    return ns.size() <= 63 && !ns.contains('.') && is_dns_subdomain(ns) &&
           is_dns_subdomain(text.substr(colon + 1));
}

std::size_t length_of(std::string_view text) noexcept {
    std::size_t count = 0;
    for (; !text.empty(); ++count) {
        text.remove_prefix(std::max<std::size_t>(1, base::utf8_length(text)));
    }
    return count;
}

bool is_valid_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > name_length_max) return false;
    if (name.front() < 'a' || name.front() > 'z' || name.back() == '-') return false;
    if (!std::ranges::all_of(name, [](char c) { return is_lower_alnum(c) || c == '-'; })) {
        return false;
    }
    return std::ranges::none_of(reserved_endings,
                                [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace domain
