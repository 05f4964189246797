#include "mongo/server_list.hpp"

#include <mongoc/mongoc.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "mongo/driver_library.hpp"
#include "mongo/mongo_url.hpp"

namespace mongo {
namespace {

server_role role_of(std::string_view type) {
    if (type == "RSPrimary") return server_role::primary;
    if (type == "RSSecondary") return server_role::secondary;
    if (type == "RSArbiter") return server_role::arbiter;
    if (type == "Standalone") return server_role::standalone;
    if (type == "Mongos") return server_role::router;
    return type == "Unknown" ? server_role::unreachable : server_role::other;
}

std::vector<server_description> descriptions_of(const mongoc_client_t* client) {
    std::size_t count = 0;
    auto* const list = mongoc_client_get_server_descriptions(client, &count);
    std::vector<server_description> result;
    result.reserve(count);
    for (std::size_t index = 0; index < count; ++index) {
        result.push_back({.address = mongoc_server_description_host(list[index])->host_and_port,
                          .role = role_of(mongoc_server_description_type(list[index]))});
    }
    mongoc_server_descriptions_destroy_all(list, count);
    std::ranges::sort(result, {}, &server_description::address);
    return result;
}

}  // namespace

base::outcome<std::vector<server_description>> list_servers(const base::secret& url,
                                                            std::chrono::milliseconds timeout) {
    if (auto facts = check_url(url); !facts) return base::pass(std::move(facts));
    start_driver_library();
    const std::unique_ptr<mongoc_uri_t, decltype(&mongoc_uri_destroy)> uri(
        mongoc_uri_new(url.reveal().c_str()), &mongoc_uri_destroy);
    for (const auto* option : {MONGOC_URI_SERVERSELECTIONTIMEOUTMS, MONGOC_URI_CONNECTTIMEOUTMS}) {
        mongoc_uri_set_option_as_int32(uri.get(), option,
                                       static_cast<std::int32_t>(timeout.count()));
    }
    bson_error_t error{};
    const std::unique_ptr<mongoc_client_t, decltype(&mongoc_client_destroy)> client(
        mongoc_client_new_from_uri_with_error(uri.get(), &error), &mongoc_client_destroy);
    if (client == nullptr) {
        return base::fail(base::errc::unavailable, without_credentials(error.message, url));
    }
    // The driver examines all servers at once, and those that a member names after that.
    const std::unique_ptr<mongoc_read_prefs_t, decltype(&mongoc_read_prefs_destroy)> any(
        mongoc_read_prefs_new(MONGOC_READ_NEAREST), &mongoc_read_prefs_destroy);
    auto* const selected = mongoc_client_select_server(client.get(), false, any.get(), &error);
    if (selected == nullptr) {
        return base::fail(base::errc::unavailable, without_credentials(error.message, url));
    }
    mongoc_server_description_destroy(selected);
    return descriptions_of(client.get());
}

}  // namespace mongo
