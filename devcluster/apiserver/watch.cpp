#include "devcluster/apiserver/watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "devcluster/apiserver/status_response.hpp"

namespace apiserver {
namespace {

using namespace std::chrono_literals;

constexpr auto bookmark_period = 30s;
constexpr std::size_t portion_bytes = 256 * 1024;

}  // namespace

struct watch_feed::batch {
    std::vector<std::shared_ptr<const std::string>> lines;
    std::size_t size = 0;
    void add(std::shared_ptr<const std::string> line) {
        size += line->size();
        lines.push_back(std::move(line));
    }
    [[nodiscard]] bool is_full() const { return size >= portion_bytes; }
    // A single line is handed on as it is in the store, whoever else gets it.
    [[nodiscard]] std::shared_ptr<const std::string> joined() const {
        if (lines.empty()) return nullptr;
        if (lines.size() == 1) return lines.front();
        std::string text;
        text.reserve(size);
        for (const auto& each : lines) text += *each;
        return std::make_shared<const std::string>(std::move(text));
    }
};

watch_feed::watch_feed(const object_store& objects, watch_order order, base::steady_time now)
    : objects_(objects),
      order_(std::move(order)),
      end_(now + order_.timeout),
      next_bookmark_(now + bookmark_period) {}

base::steady_time watch_feed::due() const {
    return order_.bookmarks ? std::min(end_, next_bookmark_) : end_;
}

watch_feed::portion watch_feed::too_old() const {
    const auto status = to_response(gone(fmt::format(
        "too old resource version: {} ({})", order_.after, objects_.forgotten(type_key()))));
    return {std::make_shared<const std::string>(
                fmt::format("{{\"type\":\"ERROR\",\"object\":{}}}\n", status.body.to_string())),
            true};
}

watch_feed::portion watch_feed::next(base::steady_time now) {
    if (is_expired_ || order_.after < objects_.forgotten(type_key())) return too_old();
    batch collected;
    const bool has_all = order_.begins_with_all ? add_present(collected) : true;
    const bool has_changes = has_all && add_changes(collected);
    if (has_changes && order_.bookmarks && now >= next_bookmark_) {
        next_bookmark_ = now + bookmark_period;
        collected.add(bookmark(false));
    }
    return {collected.joined(), collected.lines.empty() && now >= end_};
}

std::shared_ptr<const std::string> watch_feed::line(change_type type,
                                                    const stored_object& object) const {
    std::string text = fmt::format("{{\"type\":\"{}\",\"object\":", word(type));
    append_object(text, order_.how, object.text());
    text += "}\n";
    return std::make_shared<const std::string>(std::move(text));
}

std::shared_ptr<const std::string> watch_feed::bookmark(bool ends_all) const {
    json::object metadata{{"resourceVersion", std::to_string(order_.after)}};
    if (ends_all) metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
    const auto& type = *order_.how.type;
    const bool whole = order_.how.as == shape::whole;
    const auto object =
        json::serialize(json::object{{"kind", whole ? type.kind : "PartialObjectMetadata"},
                                     {"apiVersion", whole ? type.api_version() : "meta.k8s.io/v1"},
                                     {"metadata", std::move(metadata)}});
    return std::make_shared<const std::string>(
        fmt::format("{{\"type\":\"BOOKMARK\",\"object\":{}}}\n", object));
}

// True when everything has been given.
bool watch_feed::add_present(batch& into) {
    bool is_cut = false;
    objects_.each_at(order_.how.type->key(), {order_.ns, from_, order_.after},
                     [&](const object_key& key, const object_pointer& object) {
                         if (into.is_full()) {
                             from_ = key;
                             is_cut = true;
                             return false;
                         }
                         if (order_.wanted.matches(key, *object)) {
                             into.add(line(change_type::added, *object));
                         }
                         return true;
                     });
    if (is_cut) return false;
    order_.begins_with_all = false;
    if (order_.marks_end_of_all && order_.bookmarks) into.add(bookmark(true));
    return true;
}

// What this watcher sees of a change: an object may move into or out of its selection.
void watch_feed::add_change(batch& into, const change_event& event) const {
    if (!order_.ns.empty() && event.key.first != order_.ns) return;
    const bool was = event.before && order_.wanted.matches(event.key, *event.before);
    const bool is =
        event.type != change_type::deleted && order_.wanted.matches(event.key, *event.now);
    if (!was && !is) return;
    const auto type = !was ? change_type::added : !is ? change_type::deleted : event.type;
    const bool shared = type == event.type && order_.how.is_verbatim();
    into.add(shared ? event.now->frame() : line(type, *event.now));
}

// True when there are no more changes.
bool watch_feed::add_changes(batch& into) {
    const auto& window = objects_.window();
    const auto type_key = order_.how.type->key();
    auto at = std::ranges::upper_bound(window, order_.after, {}, &change_event::revision);
    for (; at != window.end() && !into.is_full(); ++at) {
        if (at->type_key == type_key) add_change(into, *at);
        order_.after = at->revision;
    }
    return at == window.end();
}

}  // namespace apiserver
