#include "devcluster/apiserver/backends.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "devcluster/apiserver/status_response.hpp"

namespace apiserver {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t entries_max = 256;
constexpr auto timeout = 60s;
constexpr std::size_t body_bytes_max = 32 * 1024 * 1024;

}  // namespace

std::shared_ptr<http::client> backends::client_for(const proxy_target& target) {
    auto& slot = entries_[{target.host, target.port}];
    slot.used = ++uses_;
    if (!slot.client) {
        auto client_result =
            http::make_client(executor_, {.origin = {.host = target.host, .port = target.port},
                                          .connections_max = 16,
                                          .idle_timeout = 10s});
        if (!client_result) return nullptr;
        slot.client = std::move(*client_result);
    }
    auto client = slot.client;
    if (entries_.size() > entries_max) {
        entries_.erase(std::ranges::min_element(entries_, {},
                                                [](const auto& each) { return each.second.used; }));
    }
    return client;
}

boost::asio::awaitable<http::response> backends::forward(proxy_target target,
                                                         http::request incoming) {
    const auto client = client_for(target);
    if (!client) co_return to_response(unavailable("error trying to reach service"));
    http::request outgoing{.verb = incoming.verb,
                           .verb_text = std::move(incoming.verb_text),
                           .target = std::move(target.target),
                           .body = std::move(incoming.body)};
    for (const auto* name : {"Accept", "Content-Type"}) {
        if (const auto value = incoming.headers.get(name); !value.empty()) {
            outgoing.headers.add(name, std::string(value));
        }
    }
    const bool is_safe = incoming.verb == http::method::get || incoming.verb == http::method::head;
    auto result = co_await client->send(std::move(outgoing),
                                        {.deadline = std::chrono::steady_clock::now() + timeout,
                                         .body_bytes_max = body_bytes_max,
                                         .replayable = is_safe});
    if (!result) {
        co_return to_response(
            unavailable(fmt::format("error trying to reach service: {}", result.error().text)));
    }
    http::response answer{.status = result->status, .body = std::move(result->body)};
    if (const auto type = result->headers.get("Content-Type"); !type.empty()) {
        answer.headers.add("Content-Type", std::string(type));
    }
    co_return answer;
}

}  // namespace apiserver
