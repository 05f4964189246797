#include "redis/handshake.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "redis/server_error.hpp"

namespace redis {
namespace {

using base::errc;
using base::fail;
using std::string_view;

int major_of(string_view version) {
    int major = 0;
    std::from_chars(version.data(), version.data() + version.size(), major);
    return std::max(major, 0);
}

}  // namespace

string_view name(server_kind kind) noexcept {
    switch (kind) {
        case server_kind::standalone:
            return "standalone";
        case server_kind::cluster:
            return "cluster";
        case server_kind::sentinel:
            return "sentinel";
        case server_kind::proxy:
            return "proxy";
    }
    return "";
}

handshake::handshake(handshake_options options) : options_(std::move(options)) {
    if (options_.level != probe_level::hello) go_to(step::authenticate);
}

std::optional<command_words> handshake::next() const {
    const auto& user = options_.user;
    const auto& password = options_.password.reveal();
    switch (step_) {
        case step::hello:
            if (password.empty()) return command_words{"HELLO", "3"};
            return command_words{"HELLO", "3", "AUTH", user.empty() ? "default" : user, password};
        case step::authenticate:
            // Servers before Redis 6 know no users.
            if (user.empty()) return command_words{"AUTH", password};
            return command_words{"AUTH", user, password};
        case step::select:
            return command_words{"SELECT", std::to_string(options_.database)};
        case step::cluster:
            return command_words{"CLUSTER", "INFO"};
        case step::role:
            return command_words{"ROLE"};
        case step::complete:
            break;
    }
    return std::nullopt;
}

void handshake::go_to(step following) {
    const bool knows_mode = facts_.protocol == 3;
    if (following == step::authenticate && options_.password.empty()) following = step::select;
    if (following == step::select && options_.database == 0) following = step::cluster;
    if (following == step::cluster && (knows_mode || options_.level == probe_level::none)) {
        following = step::complete;
    }
    step_ = following;
}

base::outcome<void> handshake::check(const resp_value& response, string_view activity) const {
    if (!response.is_error()) return {};
    const auto kind = read_server_error(response.text, {}).kind;
    // The server may repeat the arguments, so only its first word is safe.
    const auto word = response.text.substr(0, std::min<std::size_t>(response.text.find(' '), 32));
    auto text = fmt::format("{}: Redis returned {}", activity, word);
    if (kind == error_kind::denied) return fail(errc::denied, std::move(text));
    return fail(errc::unavailable, std::move(text));
}

base::outcome<void> handshake::read_hello(const resp_value& response) {
    if (response.is_error()) {
        const auto kind = read_server_error(response.text, {}).kind;
        if (kind == error_kind::denied) return check(response, "authentication");
        if (kind == error_kind::loading || kind == error_kind::master_down) {
            return check(response, "HELLO");
        }
        go_to(step::authenticate);  // the server speaks RESP2 only
        return {};
    }
    if (response.kind != resp_kind::map) {
        return fail(errc::corrupt, "the response to HELLO is not a map");
    }
    facts_.protocol = 3;
    const auto* mode = response.find("mode");
    const auto* role = response.find("role");
    const auto* version = response.find("version");
    facts_.kind = mode == nullptr            ? server_kind::standalone
                  : mode->text == "cluster"  ? server_kind::cluster
                  : mode->text == "sentinel" ? server_kind::sentinel
                                             : server_kind::standalone;
    facts_.is_replica = facts_.kind == server_kind::standalone && role != nullptr &&
                        (role->text == "replica" || role->text == "slave");
    if (version != nullptr) facts_.version_major = major_of(version->text);
    go_to(step::select);
    return {};
}

base::outcome<void> handshake::on_response(const resp_value& response) {
    switch (step_) {
        case step::hello:
            return read_hello(response);
        case step::authenticate: {
            auto result = check(response, "authentication");
            // Redis 5 and older report a wrong password as "ERR invalid password".
            if (!result && result.error().code == errc::unavailable) {
                const auto kind = read_server_error(response.text, {}).kind;
                if (kind == error_kind::other || kind == error_kind::unknown_command) {
                    result.error().code = errc::denied;
                }
            }
            if (!result) return result;
            go_to(step::select);
            return {};
        }
        case step::select: {
            auto result = check(response, fmt::format("SELECT {}", options_.database));
            if (!result) {
                const auto kind = read_server_error(response.text, {}).kind;
                if (kind == error_kind::other || kind == error_kind::unknown_command) {
                    return fail(errc::invalid,
                                fmt::format("Redis has no database {}; a Cluster has only "
                                            "database 0",
                                            options_.database));
                }
                return result;
            }
            go_to(step::cluster);
            return {};
        }
        case step::cluster: {
            if (response.is_error()) {
                const auto kind = read_server_error(response.text, {}).kind;
                if (kind == error_kind::denied) return check(response, "CLUSTER INFO");
                // "ERR This instance has cluster support disabled" names the feature.
                knows_cluster_ =
                    kind == error_kind::other && response.text.find("cluster") != std::string::npos;
                step_ = step::role;
                return {};
            }
            facts_.kind = server_kind::cluster;
            step_ = step::complete;
            return {};
        }
        case step::role:
            step_ = step::complete;
            facts_.kind = knows_cluster_ ? server_kind::standalone : server_kind::proxy;
            if (response.kind == resp_kind::array && !response.items.empty()) {
                const auto& role = response.items.front().text;
                facts_.kind = role == "sentinel" ? server_kind::sentinel : server_kind::standalone;
                facts_.is_replica = role == "slave";
            }
            return {};
        case step::complete:
            break;
    }
    return fail(errc::internal, "the handshake was complete");
}

}  // namespace redis
