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
    // A single line is shared with the store and other watchers, not copied.
    [[nodiscard]] std::shared_ptr<const std::string> joined() const {
        if (lines.empty()) return nullptr;
        if (lines.size() == 1) return lines.front();
        std::string text;
        text.reserve(size);
        for (const auto& each : lines) text += *each;
        return std::make_shared<const std::string>(std::move(text));
    }
};

watch_feed::watch_feed(const object_store& objects, watch_request request, base::steady_time now)
    : objects_(objects),
      request_(std::move(request)),
      end_(now + request_.timeout),
      next_bookmark_(now + bookmark_period) {}

base::steady_time watch_feed::due() const {
    return request_.bookmarks ? std::min(end_, next_bookmark_) : end_;
}

watch_feed::portion watch_feed::too_old() const {
    const auto status = to_response(gone(fmt::format(
        "too old resource version: {} ({})", request_.after, objects_.forgotten(type_key()))));
    return {std::make_shared<const std::string>(
                fmt::format("{{\"type\":\"ERROR\",\"object\":{}}}\n", status.body.to_string())),
            true};
}

watch_feed::portion watch_feed::next(base::steady_time now) {
    if (is_expired_ || request_.after < objects_.forgotten(type_key())) return too_old();
    batch collected;
    const bool has_all = request_.begins_with_all ? add_present(collected) : true;
    const bool has_changes = has_all && add_changes(collected);
    if (has_changes && request_.bookmarks && now >= next_bookmark_) {
        next_bookmark_ = now + bookmark_period;
        collected.add(bookmark(objects_.revision(), false));
    }
    return {collected.joined(), collected.lines.empty() && now >= end_};
}

std::shared_ptr<const std::string> watch_feed::line(change_type type,
                                                    const stored_object& object) const {
    std::string text = fmt::format("{{\"type\":\"{}\",\"object\":", word(type));
    append_object(text, request_.form, object.text());
    text += "}\n";
    return std::make_shared<const std::string>(std::move(text));
}

std::shared_ptr<const std::string> watch_feed::bookmark(std::uint64_t revision,
                                                        bool ends_all) const {
    json::object metadata{{"resourceVersion", std::to_string(revision)}};
    if (ends_all) metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
    const auto& type = *request_.form.type;
    const bool whole = request_.form.format == object_format::whole;
    const auto object =
        json::serialize(json::object{{"kind", whole ? type.kind : "PartialObjectMetadata"},
                                     {"apiVersion", whole ? type.api_version() : "meta.k8s.io/v1"},
                                     {"metadata", std::move(metadata)}});
    return std::make_shared<const std::string>(
        fmt::format("{{\"type\":\"BOOKMARK\",\"object\":{}}}\n", object));
}

// Returns true when all objects have been added.
bool watch_feed::add_present(batch& out) {
    bool is_cut = false;
    objects_.each_at(request_.form.type->key(), {request_.ns, resume_key_, request_.after},
                     [&](const object_key& key, const object_pointer& object) {
                         if (out.is_full()) {
                             resume_key_ = key;
                             is_cut = true;
                             return false;
                         }
                         if (request_.wanted.matches(key, *object)) {
                             out.add(line(change_type::added, *object));
                         }
                         return true;
                     });
    if (is_cut) return false;
    request_.begins_with_all = false;
    if (request_.marks_end_of_all && request_.bookmarks) out.add(bookmark(request_.after, true));
    return true;
}

// Adds the event that this watcher sees: a change may move the object into or out of its selection.
void watch_feed::add_change(batch& out, const change_event& event) const {
    if (!request_.ns.empty() && event.key.first != request_.ns) return;
    const bool was = event.before && request_.wanted.matches(event.key, *event.before);
    const bool is =
        event.type != change_type::deleted && request_.wanted.matches(event.key, *event.now);
    if (!was && !is) return;
    const auto type = !was ? change_type::added : !is ? change_type::deleted : event.type;
    const bool shared = type == event.type && request_.form.is_verbatim();
    out.add(shared ? event.now->frame() : line(type, *event.now));
}

// Returns true when no change is left.
bool watch_feed::add_changes(batch& out) {
    const auto& window = objects_.window();
    const auto type_key = request_.form.type->key();
    auto it = std::ranges::upper_bound(window, request_.after, {}, &change_event::revision);
    for (; it != window.end() && !out.is_full(); ++it) {
        if (it->type_key == type_key) add_change(out, *it);
        request_.after = it->revision;
    }
    return it == window.end();
}

}  // namespace apiserver
