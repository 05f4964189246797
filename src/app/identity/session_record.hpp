#pragma once
// One session in the document store: a family of refresh tokens, of which the newest is valid. The
// JSON text is versioned ("v"). Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "token/refresh_token.hpp"

namespace app {

// The length of the id of a session, and of the id of an access token.
inline constexpr std::size_t session_id_length = 20;
inline constexpr std::size_t access_token_id_length = 16;
// Returns whether `text` has `length` characters of [a-z2-7], as the ids of the platform have.
bool is_random_id(std::string_view text, std::size_t length) noexcept;

struct session_record {
    std::string id;
    std::string subject;
    std::string method;      // "password", "oidc:ISSUER"
    std::int64_t epoch = 0;  // session_epoch of the user at the start
    base::instant created_at{};
    base::instant used_at{};      // when the newest token was issued
    std::int64_t generation = 0;  // of the newest token
    std::string digest;           // of the newest token
    std::string seed;             // of the successors
    std::int64_t revision = 0;
    bool operator==(const session_record&) const = default;
};

std::string encode(const session_record& source);
// Errors: corrupt.
base::outcome<session_record> decode_session(std::string_view text);

// The relation of a presented refresh token to its session.
enum class refresh_verdict : std::uint8_t {
    current,   // the newest token
    previous,  // the token before it, within the overlap
    reused,    // an earlier token of this session: a copy exists
    unknown    // not a token of this session
};
refresh_verdict judge(const token::refresh_token& presented, const session_record& session,
                      base::instant now);
// Returns whether the session has ended by itself.
bool has_expired(const session_record& session, base::instant now) noexcept;

}  // namespace app
