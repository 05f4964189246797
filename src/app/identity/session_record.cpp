#include "app/identity/session_record.hpp"

#include <algorithm>

#include "app/session_commands.hpp"
#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;
// Bounds the work for one token. A session that refreshes every 10 minutes for 30 days has 4320.
constexpr std::int64_t generations_checked_max = 5'000;

}  // namespace

bool is_random_id(std::string_view text, std::size_t length) noexcept {
    return text.size() == length && std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
           });
}

std::string encode(const session_record& source) {
    const json::object result{{"v", format_version},
                              {"id", source.id},
                              {"subject", source.subject},
                              {"method", source.method},
                              {"epoch", source.epoch},
                              {"created_at", base::to_rfc3339_micro(source.created_at)},
                              {"used_at", base::to_rfc3339_micro(source.used_at)},
                              {"generation", source.generation},
                              {"sha256", source.digest},
                              {"seed", source.seed}};
    return json::serialize(result);
}

base::outcome<session_record> decode_session(std::string_view text) {
    const auto object = json::parse_object(text);
    const auto epoch = json::number_at(object, "epoch");
    const auto generation = json::number_at(object, "generation");
    const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
    const auto used_at = base::from_rfc3339(json::text_at(object, "used_at"));
    session_record session{.id = std::string(json::text_at(object, "id")),
                           .subject = std::string(json::text_at(object, "subject")),
                           .method = std::string(json::text_at(object, "method")),
                           .epoch = epoch.value_or(0),
                           .created_at = created_at.value_or(base::instant{}),
                           .used_at = used_at.value_or(base::instant{}),
                           .generation = generation.value_or(0),
                           .digest = std::string(json::text_at(object, "sha256")),
                           .seed = std::string(json::text_at(object, "seed"))};
    const bool is_readable = json::number_at(object, "v") == format_version && epoch &&
                             generation && created_at && used_at && !session.id.empty() &&
                             !session.subject.empty() && session.digest.size() == 64 &&
                             !session.seed.empty();
    if (is_readable) return session;
    return base::fail(base::errc::corrupt, "the stored session cannot be read");
}

refresh_verdict judge(const token::refresh_token& presented, const session_record& session,
                      base::instant now) {
    const auto distance = session.generation - presented.generation;
    if (distance < 0 || distance > generations_checked_max) return refresh_verdict::unknown;
    auto newest = presented;
    for (std::int64_t step = 0; step < distance; ++step) {
        newest = token::successor_of(newest, session.seed);
    }
    if (!token::equals_secretly(token::to_hex(token::digest_of(newest)), session.digest)) {
        return refresh_verdict::unknown;
    }
    if (distance == 0) return refresh_verdict::current;
    const bool is_in_overlap = now < session.used_at + session_commands::refresh_overlap;
    return distance == 1 && is_in_overlap ? refresh_verdict::previous : refresh_verdict::reused;
}

bool has_expired(const session_record& session, base::instant now) noexcept {
    const auto end = std::min(session.created_at + session_commands::session_lifetime_max,
                              session.used_at + session_commands::refresh_idle_max);
    return now >= end;
}

}  // namespace app
