#include "app/record_feed.hpp"

#include "app/document_walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace app {
namespace {

using base::errc;

const std::string channel_name = "records";

}  // namespace

record_feed::record_feed(deps deps, record_feed_options options)
    : deps_(std::move(deps)),
      options_(options),
      has_written_(deps_.executor),
      has_announced_(deps_.executor),
      may_have_missed_(deps_.executor, deps_.clock),
      loops_(deps_.executor) {
    if (deps_.bus == nullptr) return;
    channel_.emplace(*deps_.bus, channel_name, deps_.clock, deps_.probe);
    for (auto* owner : deps_.collections) {
        owner->on_write([this, owner](const std::string& id, ports::revision revision) {
            auto& newest = written_[{owner, id}];
            newest.was_deleted = newest.was_deleted || revision == 0;
            newest.revision = revision;
            has_written_.notify();
        });
    }
}

void record_feed::subscribe() {
    channel_->subscribe({.on_message = [this](const std::string& message) { on_message(message); },
                         .on_resumed = [this] { may_have_missed_.notify(); }});
}

aio::task<> record_feed::run() {
    if (deps_.bus != nullptr) {
        subscribe();
        loops_.spawn(publish_writes());
        loops_.spawn(read_announced());
    }
    auto ended = co_await compare_periodically();
    if (channel_) channel_->unsubscribe();
    loops_.cancel();
    co_await loops_.join();
    co_return ended;
}

aio::task<> record_feed::compare_periodically() {
    auto last = deps_.clock.now();
    std::string known_failure;  // of the last comparison
    while (true) {
        const bool is_bus_down = deps_.bus != nullptr && !deps_.bus->is_connected();
        const auto interval = is_bus_down || is_behind_
                                  ? std::min(options_.anti_entropy_interval_without_bus,
                                             options_.anti_entropy_interval)
                                  : options_.anti_entropy_interval;
        // A bus may disconnect at any time, so that the interval is read again.
        const auto turn = deps_.bus == nullptr
                              ? interval
                              : std::min(options_.anti_entropy_interval_without_bus, interval);
        const auto now = deps_.clock.now();
        const auto woken =
            co_await may_have_missed_.wait_until(std::min(now + turn, last + interval));
        if (!woken) co_return base::pass(woken);
        if (!*woken && deps_.clock.now() < last + interval) continue;
        last = deps_.clock.now();
        is_behind_ = false;  // a failure from here on sets it again
        const auto compared = co_await compare();
        const auto failure = compared ? std::string() : compared.error().text;
        const bool is_new = std::exchange(known_failure, failure) != failure;
        if (compared) continue;
        if (compared.error().code == errc::cancelled) co_return compared;
        if (compared.error().code != errc::corrupt) is_behind_ = true;
        if (!is_new) continue;
        deps_.log.warning("anti_entropy_failed", {{"code", base::name(compared.error().code)},
                                                  {"detail", compared.error().text}});
    }
}

aio::task<> record_feed::compare() {
    auto result = base::outcome<void>();
    for (auto* target : deps_.collections) {
        auto compared = co_await compare_collection(*target);
        if (compared) continue;
        const auto code = compared.error().code;
        result = base::pass(std::move(compared), target->collection());
        if (code != errc::corrupt) co_return result;
    }
    if (result) last_compared_ = deps_.clock.now();
    co_return result;
}

aio::task<> record_feed::compare_collection(replicated_collection& target) {
    auto result = base::outcome<void>();
    // A write of this process after this line is read again without need. A write of another
    // process differs from these versions and is never missed.
    auto visited =
        co_await visit_differing(deps_.store, target.collection(), target.known_versions(),
                                 [this, &target, &result](std::string id) {
                                     return repair({.owner = &target, .id = std::move(id)}, result);
                                 });
    co_return visited ? result : visited;
}

aio::task<> record_feed::repair(document_key key, base::outcome<void>& result) {
    const auto before = key.owner->known_version(key.id);
    auto adopted = co_await key.owner->adopt(key.id);
    if (adopted && key.owner->known_version(key.id) != before) {
        deps_.probe.anti_entropy_repairs.add();
    }
    if (adopted || adopted.error().code != errc::corrupt) co_return adopted;
    result = std::move(adopted);
    co_return base::ok();
}

// A line is "<collection> <id> <revision>". Revision 0: the document was deleted.
std::optional<record_feed::announcement> record_feed::parse_line(std::string_view line) const {
    const auto first = line.find(' ');
    const auto second = line.rfind(' ');
    if (first == std::string_view::npos || first == second) return std::nullopt;
    const auto owner = std::ranges::find(deps_.collections, line.substr(0, first),
                                         [](const auto* target) { return target->collection(); });
    if (owner == deps_.collections.end()) return std::nullopt;
    ports::revision revision = 0;
    const auto digits = line.substr(second + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), revision);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return announcement{
        .key = {.owner = *owner, .id = std::string(line.substr(first + 1, second - first - 1))},
        .revision = revision};
}

void record_feed::on_message(const std::string& message) {
    std::string_view rest = message;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        auto line = parse_line(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (!line) continue;
        const auto known = line->key.owner->known_version(line->key.id);
        const bool is_known = known.revision == line->revision;
        if (!is_known) announced_.insert(std::move(line->key));
    }
    if (!announced_.empty()) has_announced_.notify();
}

aio::task<> record_feed::publish_writes() {
    bool is_failure_logged = false;  // since the last success
    while (true) {
        auto woken = co_await has_written_.wait();
        if (!woken) co_return woken;
        auto waited =
            co_await aio::sleep_for(deps_.clock, options_.flush_interval);  // collects a batch
        if (!waited) co_return waited;
        while (!written_.empty()) {
            std::map<document_key, write> batch;
            std::string message;
            while (!written_.empty() && message.size() < message_bytes_max) {
                const auto& [key, newest] = *written_.begin();
                const auto& collection = key.owner->collection();
                if (newest.was_deleted) message += fmt::format("{} {} 0\n", collection, key.id);
                if (newest.revision != 0) {
                    message += fmt::format("{} {} {}\n", collection, key.id, newest.revision);
                }
                batch.insert(written_.extract(written_.begin()));
            }
            auto published = co_await channel_->publish(std::move(message));
            const bool is_first = !published && !is_failure_logged;
            is_failure_logged = !published;
            if (published) continue;
            if (published.error().code == errc::cancelled) co_return published;
            if (is_first) {
                deps_.log.warning("bus_publish_failed", {{"detail", published.error().text}});
            }
            // Anti-entropy may deliver the writes earlier.
            written_.merge(batch);
            for (const auto& [key, earlier] : batch) {  // that were written again
                auto& newest = written_.at(key);
                newest.was_deleted =
                    newest.was_deleted || earlier.was_deleted || earlier.revision == 0;
            }
            has_written_.notify();
            auto paused = co_await aio::sleep_for(deps_.clock, options_.retry_interval);
            if (!paused) co_return paused;
            break;
        }
    }
}

aio::task<> record_feed::read_announced() {
    while (true) {
        auto woken = co_await has_announced_.wait();
        if (!woken) co_return woken;
        while (!announced_.empty()) {
            const auto [owner, id] = announced_.extract(announced_.begin()).value();
            auto adopted = co_await owner->adopt(id);
            if (adopted) continue;
            if (adopted.error().code == errc::cancelled) co_return adopted;
            // The next comparison reads it.
            if (adopted.error().code != errc::corrupt) is_behind_ = true;
            deps_.log.warning("announced_record_not_read",
                              {{"id", id}, {"detail", adopted.error().text}});
        }
    }
}

}  // namespace app
