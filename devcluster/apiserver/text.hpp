#pragma once
// Access to JSON members and small parsers that the API server's files share. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.hpp"
#include "json/json_access.hpp"

namespace apiserver {

using json::array_at;
using json::flag_at;
using json::object_at;

// Returns a copy of the member. Returns an empty text if it is absent or no string.
std::string text_at(const json::object& object, std::string_view key);
// The string at a path of members ("involvedObject.name").
std::optional<std::string> text_at_path(const json::object& object, std::string_view path);

// A member of metadata; empty if absent.
std::string meta(const json::object& object, std::string_view key);
json::object& metadata_of(json::object& object);
std::vector<std::string> owners_of(const json::object& object);  // uids
bool has_finalizers(const json::object& object);

struct host_port {
    std::string host;
    std::uint16_t port = 0;
};
// The addresses of an Endpoints object for a port, given by name or number (empty: any).
std::vector<host_port> endpoints_of(const json::object& endpoints, std::string_view port);

bool is_subdomain(std::string_view name);  // RFC 1123, max 253 characters
bool is_label(std::string_view name);      // RFC 1123, max 63 characters
bool is_dns_1035(std::string_view name);   // starts with a letter

std::optional<std::uint64_t> number(std::string_view text);

}  // namespace apiserver
