// Redis responses: values do not depend on the pieces, every command ends after a bounded number of
// attempts, no command that must not run twice is sent twice, and no error repeats the password.

#include <string>
#include <vector>

#include "redis/command_attempts.hpp"
#include "redis/handshake.hpp"
#include "redis/redis_url.hpp"
#include "redis/resp.hpp"
#include "redis/slot_map.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

const redis::endpoint source{"127.0.0.1", 7000};
const std::string password = "s3cret-of-the-fuzz-target";

std::vector<redis::resp_value> values_of(std::string_view bytes, std::size_t piece) {
    redis::resp_parser parser({.value_bytes = 4096, .items = 256, .depth = 4});
    std::vector<redis::resp_value> values;
    while (!bytes.empty()) {
        parser.add(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        while (true) {
            auto value = parser.next();
            if (!value) return values;
            if (!*value) break;
            values.push_back(std::move(**value));
        }
    }
    return values;
}

// Every value is the response of one attempt; a value other than an error loses the connection.
void check_attempts(const std::vector<redis::resp_value>& values, redis::repeatability safety) {
    redis::command_attempts attempts(safety);
    int count = 1;
    for (int round = 0; round < 64; ++round) {
        for (const auto& value : values) {
            const bool was_sent = !value.is_error();
            const auto next = was_sent
                                  ? attempts.after_failure(
                                        {.code = base::errc::unavailable, .text = "lost"}, true)
                                  : attempts.after_error(value, source);
            if (!next) return;
            ++count;
            fuzz::require(count <= redis::command_attempts::attempts_max);
            fuzz::require(!was_sent || safety == redis::repeatability::repeatable);
            fuzz::require(next->delay <= redis::command_attempts::delay_max);
            fuzz::require(!next->is_asking || next->target.has_value());
        }
    }
    fuzz::require(values.empty());
}

void check_handshake(const std::vector<redis::resp_value>& values, redis::probe_level level) {
    redis::handshake shaking(
        {.user = "user", .password = base::secret(password), .database = 1, .level = level});
    int commands = 0;
    for (const auto& value : values) {
        const auto words = shaking.next();
        if (!words) return;
        fuzz::require(++commands <= 5);
        if (!shaking.on_response(value)) return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const auto bytes = fuzz::text_of(data + 1, size - 1);
    const auto values = values_of(bytes, bytes.size() + 1);
    fuzz::require(values_of(bytes, 1 + data[0] % 31) == values);
    check_attempts(values, redis::repeatability::repeatable);
    check_attempts(values, redis::repeatability::not_repeatable);
    for (const auto level :
         {redis::probe_level::hello, redis::probe_level::cluster, redis::probe_level::none}) {
        check_handshake(values, level);
    }
    for (const auto& value : values) {
        for (const auto& map : {redis::read_slots(value, source),
                                redis::read_shards(value, source, data[0] % 2 == 1)}) {
            if (map) fuzz::require(map->covered() <= redis::slot_count);
        }
    }
    if (bytes.find(password) != std::string_view::npos) return 0;
    const auto url = redis::parse_redis_url("redis://ann:" + password + "@" + std::string(bytes));
    if (url) {
        fuzz::require(url->masked().find(password) == std::string::npos);
    } else {
        fuzz::require(url.error().text.find(password) == std::string::npos);
    }
    return 0;
}
