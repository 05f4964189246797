#pragma once
// Small readings and spellings that the API server's files share. Pure.

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace apiserver {

namespace json = boost::json;

std::string lower(std::string_view text);
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

// Members of metadata; empty when absent.
std::string meta(const json::object& object, std::string_view key);
json::object& metadata_of(json::object& object);
std::vector<std::string> owners_of(const json::object& object);  // uids
bool has_finalizers(const json::object& object);

struct host_port {
    std::string host;
    std::uint16_t port = 0;
};
// The first address of an Endpoints object with a port of this name or number (empty: the only
// one).
std::optional<host_port> endpoint_of(const json::object& endpoints, std::string_view port);

// RFC 1123 subdomain of at most 253 characters.
bool is_object_name(std::string_view name);

}  // namespace apiserver
