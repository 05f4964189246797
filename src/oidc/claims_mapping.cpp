#include "oidc/claims_mapping.hpp"

#include <algorithm>
#include <set>

#include "domain/api_key_rules.hpp"
#include "domain/text_rules.hpp"
#include "json/json_access.hpp"
#include "token/digest.hpp"

namespace oidc {
namespace {

constexpr std::size_t groups_max = 1000;

// Two values never have the same name: a digest begins with "u-", and a value that does so too
// becomes a digest.
std::string name_of(const std::string& prefix, std::string_view value) {
    auto name = prefix + std::string(value);
    const bool is_usable =
        domain::is_label_word(name) && !value.starts_with("u-") && !domain::is_administrator(name);
    if (is_usable) return name;
    constexpr std::size_t digits = 32;
    return prefix + "u-" + token::to_hex(token::sha256(value)).substr(0, digits);
}

std::set<std::string, std::less<>> groups_of(const json::object& claims, std::string_view claim) {
    std::set<std::string, std::less<>> groups;
    const auto single = json::text_at(claims, claim);
    if (!single.empty()) groups.emplace(single);
    for (const auto& item : json::array_or_empty(claims, claim)) {
        if (groups.size() >= groups_max) break;
        if (item.is_string()) groups.emplace(std::string_view(item.get_string()));
    }
    return groups;
}

}  // namespace

std::optional<mapped_identity> map_claims(const json::object& claims,
                                          const issuer_options& options) {
    const auto user = json::text_at(claims, options.user_claim);
    if (user.empty()) return std::nullopt;
    mapped_identity identity{.subject = name_of(options.user_prefix, user)};
    if (json::flag_at(claims, "email_verified")) {
        identity.email = std::string(json::text_at(claims, "email"));
    }
    const auto groups = groups_of(claims, options.groups_claim);
    for (const auto& rule : options.rules) {
        if (rule.project.empty()) {
            identity.manages_administrators = true;
        } else {
            identity.managed_projects.insert(rule.project);
        }
        if (!groups.contains(rule.group)) continue;
        if (rule.project.empty()) {
            identity.is_administrator = true;
            continue;
        }
        auto& roles = identity.roles[rule.project];
        if (std::ranges::find(roles, rule.role) == roles.end()) roles.push_back(rule.role);
    }
    return identity;
}

}  // namespace oidc
