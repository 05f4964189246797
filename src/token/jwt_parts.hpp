#pragma once
// The parts of a JSON Web Token (RFC 7515, 3.1) and the members that verifiers check. Inside token
// only. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "json/json.hpp"

namespace token {

// The failure of every check: denied, with a text that repeats nothing of the token.
std::unexpected<base::failure> reject(std::string_view reason);

struct jwt_parts {
    std::string_view header;
    std::string_view claims;
    std::string_view signature;
    std::string_view signed_text;
};
// Returns nothing unless the text has three parts.
std::optional<jwt_parts> split_jwt(std::string_view text);

// Decodes base64url in its only spelling: no padding, no white space, no unused bits.
std::optional<std::string> decode_jwt_part(std::string_view text);
// Returns the object of a part. Parsers differ in the meaning of duplicate members, so a part with
// duplicates is no object.
std::optional<json::object> object_of_jwt_part(std::string_view part);

// Returns a time in seconds; nothing if it is absent, negative or after the year 9999.
std::optional<std::int64_t> time_at(const json::object& claims, std::string_view key);
std::int64_t seconds_of(base::instant instant);

}  // namespace token
