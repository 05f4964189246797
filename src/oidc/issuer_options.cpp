#include "oidc/issuer_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "domain/text_rules.hpp"
#include "domain/user_rules.hpp"
#include "json/duplicate_keys.hpp"
#include "json/json_access.hpp"
#include "oidc/fetcher.hpp"

namespace oidc {
namespace {

using base::errc;
using base::fail;

constexpr std::size_t issuers_max = 16;
constexpr std::size_t name_length_max = 20;
constexpr std::size_t user_prefix_bytes_max = 29;  // with the digest of a name: 63

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= name_length_max && text.front() != '-' &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

base::outcome<group_rule> read_rule(std::string_view text) {
    const auto sign = text.rfind('=');
    const auto group = base::trimmed(text.substr(0, sign));
    if (sign == std::string_view::npos || group.empty()) {
        return fail(errc::invalid, "a rule must be GROUP=admin or GROUP=PROJECT:ROLE");
    }
    const auto target = base::trimmed(text.substr(sign + 1));
    if (target == "admin") return group_rule{.group = std::string(group)};
    const auto colon = target.find(':');
    const auto role =
        colon == std::string_view::npos ? std::string_view() : target.substr(colon + 1);
    const bool is_role = domain::is_label_word(role) && !domain::find_platform_role(role);
    if (!is_role || colon == 0) {
        return fail(
            errc::invalid,
            fmt::format("the rule of the group '{}' must name admin or PROJECT:ROLE", group));
    }
    return group_rule{.group = std::string(group),
                      .project = std::string(target.substr(0, colon)),
                      .role = std::string(role)};
}

struct text_member {
    std::string_view key;
    std::string issuer_options::* target;
};
constexpr text_member text_members[] = {
    {"name", &issuer_options::name},
    {"issuer", &issuer_options::url},
    {"client_id", &issuer_options::client_id},
    {"audience", &issuer_options::audience},
    {"user_claim", &issuer_options::user_claim},
    {"user_prefix", &issuer_options::user_prefix},
    {"groups_claim", &issuer_options::groups_claim},
    {"scope", &issuer_options::scope},
};

void read_member(std::string_view key, const json::value& value, issuer_options& out,
                 base::failure& problems) {
    const auto report = [&](std::string text) {
        problems.fields.push_back(
            {.pointer = "/" + std::string(key), .code = "invalid", .message = std::move(text)});
    };
    const auto* text = std::ranges::find(text_members, key, &text_member::key);
    if (text != std::end(text_members)) {
        if (!value.is_string()) return report("must be a text");
        out.*(text->target) = std::string(value.get_string());
    } else if (key == "client_secret") {
        if (!value.is_string()) return report("must be a text");
        out.client_secret = base::secret(std::string(value.get_string()));
    } else if (key == "accepts_untyped_tokens") {
        if (!value.is_bool()) return report("must be true or false");
        out.accepts_untyped_tokens = value.get_bool();
    } else if (key == "roles") {
        if (!value.is_object()) return report("must be an object of GROUP: ROLE");
        for (const auto& [group, target] : value.get_object()) {
            if (!target.is_string()) return report("must have texts as values");
            auto rule = read_rule(fmt::format("{}={}", std::string_view(group),
                                              std::string_view(target.get_string())));
            if (!rule) return report(rule.error().text);
            out.rules.push_back(std::move(*rule));
        }
    } else {
        report("is unknown");
    }
}

void check(const issuer_options& options, base::failure& problems) {
    const auto report = [&](std::string_view key, std::string text) {
        problems.fields.push_back(
            {.pointer = fmt::format("/{}", key), .code = "invalid", .message = std::move(text)});
    };
    if (!is_name(options.name)) report("name", "must have 1 to 20 of a to z, 0 to 9 and '-'");
    if (!is_safe_url(options.url) || options.url.contains('?')) {
        report("issuer", "must be an https URL without query; http only on a loopback address");
    }
    if (options.client_id.empty()) report("client_id", "is required");
    if (!options.audience.empty() && options.audience == options.client_id) {
        report("audience", "must differ from client_id, which is the audience of id tokens");
    }
    if (options.user_claim.empty()) report("user_claim", "must not be empty");
    const auto& prefix = options.user_prefix;
    const bool is_prefix = prefix.size() <= user_prefix_bytes_max &&
                           (prefix.empty() || domain::is_label_word(prefix + "u"));
    if (!is_prefix) {
        report("user_prefix",
               fmt::format("must have at most {} letters, digits, '-', '_' or '.', and begin with "
                           "a letter or digit",
                           user_prefix_bytes_max));
    }
}

// Returns whether an issuer with the prefix can name a user of an issuer with the other one. An
// empty prefix is for issuers that may name every user.
bool can_name(std::string_view prefix, std::string_view other) noexcept {
    return !prefix.empty() && other.starts_with(prefix);
}

// Reports an issuer that has a name, a URL or users of an issuer before it.
void check_unique(const issuer_options& options, const std::vector<issuer_options>& earlier,
                  base::failure& problems) {
    for (const auto& other : earlier) {
        if (options.name == other.name || options.url == other.url) {
            problems.fields.push_back(
                {.pointer = "/name", .code = "duplicate", .message = "is the name or URL of two"});
        } else if (can_name(options.user_prefix, other.user_prefix) ||
                   can_name(other.user_prefix, options.user_prefix)) {
            problems.fields.push_back(
                {.pointer = "/user_prefix",
                 .code = "duplicate",
                 .message = fmt::format("has names of users of the issuer '{}'", other.name)});
        }
    }
}

// Returns "client_id is required; audience must …".
std::string texts_of(const base::failure& problems) {
    std::vector<std::string> texts;
    texts.reserve(problems.fields.size());
    for (const auto& field : problems.fields) {
        texts.push_back(fmt::format("{} {}", field.pointer.substr(1), field.message));
    }
    return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace

base::outcome<std::vector<group_rule>> read_rules(std::string_view text) {
    std::vector<group_rule> rules;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto part = base::trimmed(text.substr(0, comma));
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (part.empty()) continue;
        auto rule = read_rule(part);
        if (!rule) return base::pass(std::move(rule));
        rules.push_back(std::move(*rule));
    }
    return rules;
}

base::outcome<std::vector<issuer_options>> read_issuers(std::string_view text) {
    const auto document = json::try_parse(text);
    const auto* object = document ? document->if_object() : nullptr;
    const auto* list = json::array_at(object, "issuers");
    if (list == nullptr || json::find_duplicate_key(text)) {
        return fail(errc::invalid, R"(the text must be JSON: {"issuers":[{"name":…}]})");
    }
    if (list->size() > issuers_max) return fail(errc::invalid, "there are more than 16 issuers");
    std::vector<issuer_options> issuers;
    for (const auto& item : *list) {
        base::failure problems{.code = errc::invalid, .text = "an issuer is not valid"};
        issuer_options options;
        if (!item.is_object()) return fail(errc::invalid, "an issuer must be an object");
        for (const auto& [key, value] : item.get_object()) {
            read_member(key, value, options, problems);
        }
        if (!item.get_object().contains("user_prefix")) options.user_prefix = options.name + ".";
        check(options, problems);
        check_unique(options, issuers, problems);
        if (!problems.fields.empty()) {
            problems.text = fmt::format("issuer '{}': {}", options.name, texts_of(problems));
            return std::unexpected(std::move(problems));
        }
        issuers.push_back(std::move(options));
    }
    return issuers;
}

}  // namespace oidc
