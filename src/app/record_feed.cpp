#include "app/record_feed.hpp"

#include "app/document_walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace app {
namespace {

const std::string channel = "records";

// One line of a message: "<collection> <id> <revision>". Revision 0: the record was deleted.
struct announcement {
    record_kind kind;
    std::string id;
    ports::revision revision = 0;
};

// Returns std::nullopt for a line of another format, as a newer version may send.
std::optional<announcement> parse_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto second = line.rfind(' ');
    if (first == std::string_view::npos || first == second) return std::nullopt;
    const auto kind = record_kind_of(line.substr(0, first));
    if (!kind) return std::nullopt;
    announcement result{.kind = *kind,
                        .id = std::string(line.substr(first + 1, second - first - 1))};
    const auto digits = line.substr(second + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), result.revision);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return result;
}

}  // namespace

record_feed::record_feed(deps deps, record_feed_options options)
    : deps_(std::move(deps)),
      options_(options),
      has_written_(deps_.executor),
      has_announced_(deps_.executor),
      may_have_missed_(deps_.executor, deps_.clock),
      loops_(deps_.executor) {
    if (deps_.bus == nullptr) return;
    deps_.records.on_write(
        [this](record_kind kind, const std::string& id, ports::revision revision) {
            written_[{kind, id}] = revision;
            has_written_.notify();
        });
}

void record_feed::subscribe() {
    subscription_ = deps_.bus->subscribe(
        channel, {.on_message = [this](const std::string& message) { on_message(message); },
                  .on_resumed = [this] { may_have_missed_.notify(); }});
}

aio::task<> record_feed::run() {
    if (deps_.bus != nullptr) {
        subscribe();
        loops_.spawn(publish_writes());
        loops_.spawn(read_announced());
    }
    auto ended = co_await compare_periodically();
    subscription_.reset();
    loops_.cancel();
    co_await loops_.join();
    co_return ended;
}

aio::task<> record_feed::compare_periodically() {
    auto last = deps_.clock.now();
    while (true) {
        const bool is_bus_down = deps_.bus != nullptr && !deps_.bus->is_connected();
        const auto interval = is_bus_down ? std::min(options_.anti_entropy_interval_without_bus,
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
        const auto compared = co_await compare();
        if (compared) continue;
        if (compared.error().code == base::errc::cancelled) co_return compared;
        deps_.log.warning("anti_entropy_failed", {{"code", base::name(compared.error().code)},
                                                  {"detail", compared.error().text}});
    }
}

aio::task<> record_feed::compare() {
    for (const auto kind : {record_kind::project, record_kind::operation, record_kind::database}) {
        auto compared = co_await compare_collection(kind);
        if (!compared) co_return base::pass(std::move(compared), collection_of(kind));
    }
    co_return base::ok();
}

aio::task<> record_feed::compare_collection(record_kind kind) {
    // A write of this process after this line is read again without need. A write of another
    // process differs from these revisions and is never missed.
    return visit_differing(
        deps_.store, collection_of(kind), known_revisions(kind),
        [this, kind](std::string id) { return deps_.records.adopt(kind, std::move(id)); });
}

std::map<std::string, ports::revision> record_feed::known_revisions(record_kind kind) const {
    std::map<std::string, ports::revision> result;
    switch (kind) {
        case record_kind::database:
            for (const auto& [id, database] : deps_.cache.databases()) {
                result.emplace(id, database.record->revision);
            }
            break;
        case record_kind::project:
            for (const auto& [name, project] : deps_.cache.projects()) {
                result.emplace(name, project->revision);
            }
            break;
        case record_kind::operation:  // archived operations are written once
            for (const auto& [id, operation] : deps_.cache.archived()) result.emplace(id, 1);
            break;
    }
    return result;
}

bool record_feed::is_known(const record_key& key, ports::revision revision) const {
    const auto& [kind, id] = key;
    ports::revision known = 0;
    if (kind == record_kind::database) {
        const auto it = deps_.cache.databases().find(id);
        if (it != deps_.cache.databases().end()) known = it->second.record->revision;
    } else if (kind == record_kind::project) {
        if (const auto project = deps_.cache.project(id)) known = project->revision;
    } else {
        known = deps_.cache.archived().contains(id) ? 1 : 0;
    }
    return known == revision;
}

void record_feed::on_message(const std::string& message) {
    std::string_view rest = message;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = parse_line(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (!line) continue;
        record_key key{line->kind, line->id};
        if (!is_known(key, line->revision)) announced_.insert(std::move(key));
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
            std::string message;
            while (!written_.empty() && message.size() < message_bytes_max) {
                const auto first = written_.begin();
                message += fmt::format("{} {} {}\n", collection_of(first->first.first),
                                       first->first.second, first->second);
                written_.erase(first);
            }
            auto published = co_await deps_.bus->publish(channel, std::move(message));
            if (!published && published.error().code == base::errc::cancelled) co_return published;
            // Anti-entropy delivers what the bus does not.
            const bool is_first = !published && !is_failure_logged;
            is_failure_logged = !published;
            if (is_first) {
                deps_.log.warning("bus_publish_failed", {{"detail", published.error().text}});
            }
        }
    }
}

aio::task<> record_feed::read_announced() {
    while (true) {
        auto woken = co_await has_announced_.wait();
        if (!woken) co_return woken;
        while (!announced_.empty()) {
            const auto [kind, id] = announced_.extract(announced_.begin()).value();
            auto adopted = co_await deps_.records.adopt(kind, id);
            if (adopted) continue;
            if (adopted.error().code == base::errc::cancelled) co_return adopted;
            // Anti-entropy reads it once the store is back.
            deps_.log.warning("announced_record_not_read",
                              {{"id", id}, {"detail", adopted.error().text}});
        }
    }
}

}  // namespace app
