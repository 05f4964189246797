#include "redis/redis_connection.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "aio/deadline.hpp"
#include "redis/server_error.hpp"

namespace redis {
namespace {

using base::errc;
using base::fail;

constexpr std::size_t read_bytes = std::size_t{32} * 1024;

base::steady_time now() {
    return base::system_clock().now();
}

std::string context_of(const endpoint& server) {
    return "redis " + to_text(server);
}

// Reads one value during the handshake, before run().
aio::task<resp_value> read_value(http::transport& transport, resp_parser& parser) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): read() fills it
    std::array<char, 4096> bytes;
    while (true) {
        auto value = parser.next();
        if (!value) co_return base::pass(std::move(value));
        if (*value && (*value)->kind != resp_kind::push) co_return std::move(**value);
        if (*value) continue;
        const auto size = co_await transport.read(bytes);
        if (!size) co_return base::pass(size);
        if (*size == 0) co_return fail(errc::unavailable, "the server closed the connection");
        parser.add({bytes.data(), *size});
    }
}

struct opened {
    std::unique_ptr<http::transport> transport;
    server_facts facts;
    std::optional<base::failure> closed_at_probe;  // the next probe level may succeed
};

aio::task<opened> open_at_level(const connection_options& options, probe_level level) {
    auto transport = co_await http::connect({.secure = options.tls != nullptr,
                                             .host = options.server.host,
                                             .port = options.server.port},
                                            options.tls);
    if (!transport) co_return base::pass(std::move(transport));
    auto settings = options.handshake;
    settings.level = level;
    handshake shaking(std::move(settings));
    resp_parser parser;
    while (const auto words = shaking.next()) {
        std::string bytes;
        encode_command(*words, bytes);
        const auto written = co_await (*transport)->write(bytes, {});
        if (!written) co_return base::pass(written);
        auto response = co_await read_value(**transport, parser);
        if (!response) {
            const bool is_probe = level != probe_level::none && words->front() != "AUTH" &&
                                  response.error().code == errc::unavailable;
            if (is_probe) co_return opened{.closed_at_probe = response.error()};
            co_return base::pass(std::move(response));
        }
        auto accepted = shaking.on_response(*response);
        if (!accepted) co_return base::pass(std::move(accepted));
    }
    co_return opened{.transport = std::move(*transport), .facts = shaking.facts()};
}

aio::task<opened> open_at_any_level(const connection_options& options) {
    std::optional<base::failure> closed;
    for (const auto level : {probe_level::hello, probe_level::cluster, probe_level::none}) {
        auto result = co_await open_at_level(options, level);
        if (!result || !result->closed_at_probe) co_return result;
        if (!closed) closed = std::move(result->closed_at_probe);
    }
    co_return std::unexpected(std::move(*closed));
}

}  // namespace

struct redis_connection::waiting_call {
    explicit waiting_call(const aio::executor& executor) : completed(executor) {}
    aio::notification completed;
    std::optional<base::outcome<resp_value>> result;
    bool was_sent = false;
};

aio::task<std::shared_ptr<redis_connection>> redis_connection::open(connection_options options) {
    auto result =
        co_await aio::with_deadline(now() + options.connect_timeout, open_at_any_level(options));
    if (!result) co_return base::pass(std::move(result), context_of(options.server));
    const auto executor = co_await aio::this_executor();
    co_return std::make_shared<redis_connection>(executor, std::move(options), result->facts,
                                                 std::move(result->transport));
}

redis_connection::redis_connection(aio::executor executor, connection_options options,
                                   server_facts facts, std::unique_ptr<http::transport> transport)
    : executor_(executor),
      options_(std::move(options)),
      facts_(facts),
      transport_(std::move(transport)),
      has_unsent_(executor),
      ended_(executor),
      last_received_(now()),
      loops_(std::move(executor)) {}

redis_connection::~redis_connection() = default;

aio::task<> redis_connection::run() {
    loops_.spawn(read_values());
    loops_.spawn(write_commands());
    const auto waited = co_await ended_.wait();
    if (!waited) close(waited.error());
    loops_.cancel();
    co_await loops_.join();
    transport_.reset();
    co_return std::unexpected(*end_reason_);
}

aio::task<> redis_connection::read_values() {
    std::string bytes(read_bytes, '\0');
    while (is_open()) {
        const auto size = co_await transport_->read(bytes);
        if (!size || *size == 0) {
            close(size ? base::failure{errc::unavailable, "the server closed the connection"}
                       : size.error());
            break;
        }
        last_received_ = now();
        parser_.add({bytes.data(), *size});
        while (is_open()) {
            auto value = parser_.next();
            if (value && !*value) break;
            auto result = value ? dispatch(std::move(**value))
                                : base::outcome<void>(std::unexpected(std::move(value).error()));
            if (!result) close(std::move(result).error());
        }
    }
    co_return base::ok();
}

base::outcome<void> redis_connection::dispatch(resp_value value) {
    if (options_.listener) {
        options_.listener(value);
        return {};
    }
    if (value.kind == resp_kind::push) return {};
    if (calls_.size() <= unsent_calls_) {
        return fail(errc::corrupt, "the server sent a response without a command");
    }
    const auto entry = std::move(calls_.front());
    calls_.pop_front();
    if (entry == nullptr) return {};  // ASKING
    entry->result.emplace(std::move(value));
    entry->completed.notify();
    return {};
}

aio::task<> redis_connection::write_commands() {
    while (is_open()) {
        if (unsent_.empty()) {
            const auto waited = co_await has_unsent_.wait();
            if (!waited) break;
            continue;
        }
        const auto bytes = std::exchange(unsent_, {});
        for (auto index = calls_.size() - unsent_calls_; index < calls_.size(); ++index) {
            if (calls_[index] != nullptr) calls_[index]->was_sent = true;
        }
        unsent_calls_ = 0;
        const auto written = co_await transport_->write(bytes, {});
        if (!written) close(written.error());
    }
    co_return base::ok();
}

void redis_connection::close(base::failure reason) {
    if (!is_open()) return;
    end_reason_ = std::move(reason).in(context_of(options_.server));
    for (const auto& entry : std::exchange(calls_, {})) {
        if (entry == nullptr) continue;
        entry->result.emplace(
            fail(errc::unavailable, end_reason_->text));  // also if this process cancels run()
        entry->completed.notify();
    }
    unsent_calls_ = 0;
    ended_.notify();
}

void redis_connection::post(const command_words& words) {
    if (!is_open()) return;
    encode_command(words, unsent_);
    has_unsent_.notify();
}

aio::task<resp_value> redis_connection::call(const command_words& words, bool is_asking,
                                             base::steady_time deadline, call_state& state) {
    if (!is_open()) co_return fail(errc::unavailable, end_reason_->text);
    if (calls_.size() + 2 > pending_max || unsent_.size() > unsent_bytes_max) {
        co_return fail(errc::unavailable,
                       context_of(options_.server) + ": the queue of commands is full");
    }
    const auto begun = now();
    const auto entry = std::make_shared<waiting_call>(executor_);  // shared with calls_
    if (is_asking) {
        encode_command({"ASKING"}, unsent_);
        calls_.push_back(nullptr);
        ++unsent_calls_;
    }
    encode_command(words, unsent_);
    calls_.push_back(entry);
    ++unsent_calls_;
    has_unsent_.notify();
    const auto woken = co_await entry->completed.wait_until(deadline);
    if (entry->result) {
        state.was_sent = entry->was_sent;
        co_return std::move(*entry->result);
    }
    state.was_sent = true;  // the command is still in the queue or on the wire
    if (!woken) co_return base::pass(woken);
    auto failure = base::failure{errc::timed_out,
                                 context_of(options_.server) + ": no response before the deadline"};
    if (last_received_ < begun) close(failure);  // the server hangs
    co_return std::unexpected(std::move(failure));
}

}  // namespace redis
