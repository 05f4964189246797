#include "domain/user_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "domain/api_key_rules.hpp"
#include "domain/enum_names.hpp"
#include "domain/field_errors.hpp"
#include "domain/password_rules.hpp"
#include "domain/text_rules.hpp"

namespace domain {
namespace {

using base::errc;

constexpr std::size_t email_bytes_max = 254;
constexpr std::array<std::string_view, 2> state_names{"active", "disabled"};

// Returns the parts of the name and the e-mail address, in lower case.
std::vector<std::string> words_of(const user& owner) {
    std::vector<std::string> words;
    for (const auto& text : {base::lower(owner.name), base::lower(owner.email)}) {
        words.push_back(text);
        std::size_t begin = 0;
        while (begin < text.size()) {
            const auto end = std::min(text.find_first_of("-_.@+", begin), text.size());
            words.push_back(text.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    return words;
}

void read_email(const std::optional<std::string>& wanted, std::string& out, field_errors& errors) {
    if (!wanted) return;
    if (!wanted->empty() && !is_email(*wanted)) {
        errors.add("/email", "bad_value", "must be an e-mail address of at most 254 bytes");
    }
    out = *wanted;
}

void read_role(const std::optional<std::string>& wanted, platform_role& out, field_errors& errors) {
    if (!wanted) return;
    const auto role = find_platform_role(*wanted);
    if (!role) {
        errors.add("/role", "unknown_value",
                   fmt::format("must be one of {}", fmt::join(all_platform_roles(), ", ")));
    }
    out = role.value_or(out);
}

void read_state(const std::optional<std::string>& wanted, user_state& out, field_errors& errors) {
    if (!wanted) return;
    const auto state = value_of<user_state>(state_names, *wanted);
    if (!state) {
        errors.add("/state", "unknown_value",
                   fmt::format("must be one of {}", fmt::join(state_names, ", ")));
    }
    out = state.value_or(out);
}

void check_password(const base::secret& password, const user& owner, field_errors& errors) {
    const auto& text = password.reveal();
    const auto length = length_of(text);
    if (length < password_length_min || length > password_length_max) {
        return errors.add(
            "/password", "out_of_range",
            fmt::format("must have {} to {} characters", password_length_min, password_length_max));
    }
    const auto words = words_of(owner);
    const std::vector<std::string_view> own_words(words.begin(), words.end());
    if (password_units(text, own_words) < password_units_min) {
        errors.add("/password", "guessable",
                   "must not consist of common words, repetitions, sequences, and the user's name "
                   "or e-mail address; add other words");
    }
}

}  // namespace

// Not the whole grammar of RFC 5321.
bool is_email(std::string_view text) noexcept {
    const auto sign = text.rfind('@');
    const bool has_parts = sign != std::string_view::npos && sign > 0 && sign + 1 < text.size();
    return has_parts && text.size() <= email_bytes_max && std::ranges::none_of(text, [](char c) {
               return c <= ' ' || c > '~' || c == '<' || c == '>';
           });
}

std::span<const std::string_view> all_platform_roles() noexcept {
    static constexpr std::array<std::string_view, 3> names{"none", "auditor", "admin"};
    return names;
}

std::string_view name(platform_role value) noexcept {
    return all_platform_roles()[static_cast<std::size_t>(value)];
}

std::optional<platform_role> find_platform_role(std::string_view name) noexcept {
    return value_of<platform_role>(all_platform_roles(), name);
}

std::string_view name(user_state value) noexcept {
    return state_names[static_cast<std::size_t>(value)];
}

base::outcome<user> validate(const user_request& wanted, const principal& caller,
                             base::instant now) {
    field_errors errors(wanted.unread);
    user result{.name = wanted.name.value_or(""),
                .session_epoch = now.time_since_epoch().count(),
                .created_at = now,
                .created_by = caller.subject};
    if (!is_label_word(result.name)) {
        errors.add("/name", wanted.name ? "bad_name" : "required", label_word_message);
    } else if (result.name == local_subject) {
        errors.add("/name", "reserved", "is the subject of a platform without authentication");
    }
    read_email(wanted.email, result.email, errors);
    read_role(wanted.role, result.role, errors);
    if (result.name == admin_subject && result.role != platform_role::admin) {
        errors.add("/role", "bad_value",
                   fmt::format("must be admin, because the subject {} is an administrator",
                               admin_subject));
    }
    if (wanted.password) check_password(*wanted.password, result, errors);
    if (!errors.empty()) return std::move(errors).fail();
    // The user gets the roles that the subject of this name has already.
    const bool is_privileged = result.role != platform_role::none || wanted.password;
    if (is_privileged && !caller.is_unlimited()) {
        return base::fail(errc::denied,
                          "role, password: only an administrator without limits may set them");
    }
    return result;
}

base::outcome<user> apply(const user_patch& wanted, const user& present, const principal& caller) {
    // Before the values are read, so that the response is the same for every value.
    const bool is_privileged = wanted.role || wanted.state;
    if (is_privileged && present.name == caller.subject) {
        return base::fail(errc::denied,
                          "role, state: must be changed by another administrator, not by the user");
    }
    if (is_privileged && !caller.is_unlimited()) {
        return base::fail(errc::denied,
                          "role, state: only an administrator without limits may change them");
    }
    field_errors errors(wanted.unread);
    auto result = present;
    read_email(wanted.email, result.email, errors);
    read_role(wanted.role, result.role, errors);
    if (wanted.role) result.role_granted_by.clear();
    read_state(wanted.state, result.state, errors);
    if (result.state != present.state) ++result.session_epoch;
    if (present.name == admin_subject && result.role != platform_role::admin) {
        errors.add("/role", "bad_value",
                   fmt::format("must be admin, because the subject {} is an administrator",
                               admin_subject));
    }
    if (!errors.empty()) return std::move(errors).fail();
    return result;
}

base::outcome<void> validate(const password_request& wanted, const user& present,
                             const principal& caller) {
    field_errors errors(wanted.unread);
    if (wanted.password) {
        check_password(*wanted.password, present, errors);
    } else {
        errors.add("/password", "required", "must be the new password");
    }
    if (!errors.empty()) return std::move(errors).fail();
    const bool is_own = present.name == caller.subject;
    const bool is_trusted =
        caller.is_unlimited() && (!is_own || caller.credential.starts_with("key:"));
    if (is_trusted || wanted.current_password) return base::ok();
    return base::fail(errc::denied, "current_password: is required to change the own password",
                      "wrong_password");
}

}  // namespace domain
