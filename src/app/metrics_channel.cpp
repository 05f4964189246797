#include "app/metrics_channel.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace app {
namespace {

using base::errc;

const std::string channel_name = "metrics";

// A message is the line "from <replica>", then a line "<id> <metrics as JSON>" per database.
constexpr std::string_view sender_prefix = "from ";

// Returns the first line of the text and removes it.
std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace

metrics_channel::metrics_channel(deps deps, metrics_channel_options options)
    : deps_(std::move(deps)),
      options_(std::move(options)),
      channel_(deps_.bus, channel_name, deps_.clock, deps_.probe),
      has_unpublished_(deps_.executor) {}

void metrics_channel::publish(const std::string& id) {
    unpublished_.insert(id);
    has_unpublished_.notify();
}

aio::task<> metrics_channel::run() {
    channel_.subscribe({.on_message = [this](const std::string& message) { receive(message); },
                        .on_resumed = deps_.on_gap});
    auto ended = co_await publish_batches();
    channel_.unsubscribe();
    co_return ended;
}

aio::task<> metrics_channel::publish_batches() {
    bool has_failed = false;  // the last message
    while (true) {
        auto woken = co_await has_unpublished_.wait();
        if (!woken) co_return woken;
        auto waited = co_await aio::sleep_for(deps_.clock, options_.flush_interval);
        if (!waited) co_return waited;
        while (!unpublished_.empty()) {
            auto message = next_message();
            if (message.empty()) break;
            auto published = co_await channel_.publish(std::move(message));
            if (!published && published.error().code == errc::cancelled) co_return published;
            if (!published && !has_failed) {
                deps_.log.warning("metrics_sync_publish_failed",
                                  {{"detail", published.error().text}});
            }
            has_failed = !published;
        }
    }
}

std::string metrics_channel::next_message() {
    std::string lines;
    while (!unpublished_.empty() && lines.size() < options_.message_bytes) {
        const auto id = unpublished_.extract(unpublished_.begin()).value();
        const auto metrics = deps_.read(id);
        if (!metrics.empty()) lines += id + ' ' + metrics + '\n';
    }
    if (lines.empty()) return lines;
    return std::string(sender_prefix) + options_.replica + '\n' + lines;
}

void metrics_channel::receive(const std::string& message) {
    std::string_view rest = message;
    const auto sender = take_line(rest);
    if (!sender.starts_with(sender_prefix)) return;  // another format, of a newer version
    if (sender.substr(sender_prefix.size()) == options_.replica) return;
    while (!rest.empty()) {
        const auto line = take_line(rest);
        const auto space = line.find(' ');
        if (space == std::string_view::npos) continue;
        const auto metrics = decode_metrics(line.substr(space + 1));
        if (metrics) deps_.take(std::string(line.substr(0, space)), *metrics);
    }
}

}  // namespace app
