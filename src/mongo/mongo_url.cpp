#include "mongo/mongo_url.hpp"

#include <fmt/format.h>
#include <mongoc/mongoc.h>

#include <memory>

#include "mongo/driver_library.hpp"

namespace mongo {
namespace {

using base::errc;
using base::fail;

struct url_parts {
    std::string_view scheme;  // with "://"
    std::string_view user;
    std::string_view password;
    bool has_password = false;
    std::string_view place;  // hosts and path
};

url_parts parts_of(std::string_view url) {
    url_parts parts;
    const auto scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) return parts;
    parts.scheme = url.substr(0, scheme_end + 3);
    url.remove_prefix(parts.scheme.size());
    url = url.substr(0, url.find('?'));
    // A password that is not percent-encoded may contain '/' and '@'.
    if (const auto sign = url.rfind('@'); sign != std::string_view::npos) {
        const auto information = url.substr(0, sign);
        const auto colon = information.find(':');
        parts.user = information.substr(0, colon);
        parts.has_password = colon != std::string_view::npos;
        if (parts.has_password) parts.password = information.substr(colon + 1);
        url.remove_prefix(sign + 1);
    }
    parts.place = url;
    return parts;
}

void replace_all(std::string& text, std::string_view old_part) {
    if (old_part.empty()) return;
    std::size_t position = 0;
    while ((position = text.find(old_part, position)) != std::string::npos) {
        text.replace(position, old_part.size(), base::secret::mask());
        position += base::secret::mask().size();
    }
}

std::string unescaped(std::string_view text) {
    const std::unique_ptr<char, decltype(&bson_free)> plain(
        mongoc_uri_unescape(std::string(text).c_str()), &bson_free);
    return plain == nullptr ? std::string() : std::string(plain.get());
}

}  // namespace

std::string printable_url(std::string_view url) {
    const auto parts = parts_of(url);
    if (parts.scheme.empty()) return std::string(base::secret::mask());
    std::string result(parts.scheme);
    if (!parts.user.empty() || parts.has_password) {
        result += parts.user;
        if (parts.has_password) result += fmt::format(":{}", base::secret::mask());
        result += '@';
    }
    return result += parts.place;
}

std::string without_credentials(std::string text, const base::secret& url) {
    const auto parts = parts_of(url.reveal());
    replace_all(text, url.reveal());
    if (const auto options = url.reveal().find('?'); options != std::string::npos) {
        replace_all(text, std::string_view(url.reveal()).substr(options + 1));
    }
    replace_all(text, parts.password);
    replace_all(text, unescaped(parts.password));
    return text;
}

base::outcome<url_facts> check_url(const base::secret& url) {
    start_driver_library();
    bson_error_t error{};
    const std::unique_ptr<mongoc_uri_t, decltype(&mongoc_uri_destroy)> parsed(
        mongoc_uri_new_with_error(url.reveal().c_str(), &error), &mongoc_uri_destroy);
    if (parsed == nullptr) {
        return fail(errc::invalid,
                    fmt::format("the URL of MongoDB is invalid: {}; percent-encode special "
                                "characters in the user name and the password",
                                without_credentials(error.message, url)));
    }
    const auto pool_size = mongoc_uri_get_option_as_int32(parsed.get(), MONGOC_URI_MAXPOOLSIZE, 1);
    if (pool_size < 1 || pool_size > pool_size_limit) {
        return fail(errc::invalid,
                    fmt::format("the option maxPoolSize of the URL of MongoDB is {}; it must be "
                                "from 1 to {}",
                                pool_size, pool_size_limit));
    }
    const char* database = mongoc_uri_get_database(parsed.get());
    return url_facts{.printable = printable_url(url.reveal()),
                     .database = database == nullptr || *database == '\0'
                                     ? std::string(database_default)
                                     : std::string(database)};
}

}  // namespace mongo
