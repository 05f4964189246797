#include "api/middleware/credential_query.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "app/identity/credential_text.hpp"
#include "base/ascii.hpp"
#include "http/message.hpp"

namespace api {
namespace {

// Without separators. No route reads a parameter of these names.
constexpr std::array<std::string_view, 26> credential_names{
    "accesskey",    "accesstoken", "apikey",       "apitoken",   "auth",         "authorization",
    "authtoken",    "bearer",      "clientsecret", "credential", "credentials",  "idtoken",
    "jwt",          "key",         "pass",         "passwd",     "password",     "pwd",
    "refreshtoken", "secret",      "session",      "sessionid",  "sessiontoken", "token",
    "xapikey",      "xaccesstoken"};

// Returns the name in lower case, without '-', '_', '.', and brackets.
std::string folded(std::string_view name) {
    auto result = base::lower(name);
    std::erase_if(result, [](char c) {
        return c == '-' || c == '_' || c == '.' || c == '[' || c == ']' || c == ' ';
    });
    return result;
}

}  // namespace

bool has_credential(std::string_view query) {
    while (!query.empty()) {
        const auto pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        const auto name_end = std::min(pair.find('='), pair.size());
        const auto name = http::decode_percent(pair.substr(0, name_end), true);
        if (!name) continue;
        if (std::ranges::find(credential_names, folded(*name)) != credential_names.end()) {
            return true;
        }
        const auto value = http::decode_percent(pair.substr(name_end), true);
        if (app::contains_credential(*name) || (value && app::contains_credential(*value)))
            return true;
    }
    return false;
}

}  // namespace api
