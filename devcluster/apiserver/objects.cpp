#include "devcluster/apiserver/objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

json::object parsed(std::string_view text) {
    boost::system::error_code error;
    auto value = json::parse(text, error);
    if (error || !value.is_object()) return {};
    return std::move(value.get_object());
}

std::string put_line(std::string_view type_key, const object_key& key, std::uint64_t revision,
                     std::string_view text) {
    return json::serialize(json::object{
               {"put", type_key}, {"ns", key.first}, {"name", key.second}, {"rv", revision}}) +
           "\t" + std::string(text);
}

}  // namespace

std::string_view word(change_type type) {
    switch (type) {
        case change_type::added:
            return "ADDED";
        case change_type::modified:
            return "MODIFIED";
        case change_type::deleted:
            return "DELETED";
    }
    return "";
}

stored_object::stored_object(change_type type, std::string_view text, const json::object& content,
                             std::uint64_t created_at)
    : revision(created_at) {
    const auto start = fmt::format(R"({{"type":"{}","object":)", word(type));
    begin_ = start.size();
    frame_ = std::make_shared<const std::string>(fmt::format("{}{}}}\n", start, text));
    uid = meta(content, "uid");
    owners = owners_of(content);
    is_deleting = !meta(content, "deletionTimestamp").empty();
    has_finalizers = apiserver::has_finalizers(content);
    const auto* labels = object_at(object_at(&content, "metadata"), "labels");
    if (labels == nullptr) return;
    labels_.reserve(labels->size());
    for (const auto& [name, value] : *labels) {
        if (value.is_string()) labels_.emplace_back(name, value.get_string());
    }
}

json::object stored_object::parse() const {
    return parsed(text());
}

const std::string* stored_object::label(std::string_view key) const {
    const auto it = std::ranges::find(labels_, key, &std::pair<std::string, std::string>::first);
    return it == labels_.end() ? nullptr : &it->second;
}

object_store::object_store(line_sink journal) : object_store(std::move(journal), limits{}) {}

object_store::object_store(line_sink journal, limits bounds)
    : journal_(std::move(journal)), bounds_(bounds) {}

void object_store::forget_window() {
    events_.clear();
    window_bytes_ = 0;
    forgotten_ = forgotten_by_all_ = revision_;
}

std::uint64_t object_store::forgotten(std::string_view type_key) const {
    const auto it = forgotten_by_type_.find(type_key);
    if (it == forgotten_by_type_.end()) return forgotten_by_all_;
    return std::max(it->second, forgotten_by_all_);
}

object_pointer object_store::find(std::string_view type_key, const object_key& key) const {
    const auto& objects = all(type_key);
    const auto it = objects.find(key);
    return it == objects.end() ? nullptr : it->second;
}

const object_store::collection& object_store::all(std::string_view type_key) const {
    static const collection none;
    const auto it = collections_.find(type_key);
    return it == collections_.end() ? none : it->second;
}

object_store::collection& object_store::collection_of(std::string_view type_key) {
    const auto it = collections_.find(type_key);
    if (it != collections_.end()) return it->second;
    return collections_.emplace(std::string(type_key), collection{}).first->second;
}

void object_store::each_at(
    std::string_view type_key, const range& range,
    const std::function<bool(const object_key&, const object_pointer&)>& each) const {
    assert(range.revision >= forgotten(type_key) && range.revision <= revision_);
    // The objects that changed after the revision, in their state before the first change.
    collection before;
    for (auto it = events_.rbegin(); it != events_.rend() && it->revision > range.revision; ++it) {
        if (it->type_key == type_key) before[it->key] = it->before;
    }
    const auto& present = all(type_key);
    const auto start = std::max(range.start, object_key{range.ns, ""});
    auto now = present.lower_bound(start);
    auto old = before.lower_bound(start);
    const auto inside = [&](const object_key& key) {
        return range.ns.empty() || key.first == range.ns;
    };
    while (now != present.end() || old != before.end()) {
        const bool take_old =
            old != before.end() && (now == present.end() || old->first <= now->first);
        const auto& key = take_old ? old->first : now->first;
        const auto& object = take_old ? old->second : now->second;
        if (!inside(key)) return;
        if (object && !each(key, object)) return;
        if (take_old && now != present.end() && now->first == old->first) ++now;
        if (take_old) {
            ++old;
        } else {
            ++now;
        }
    }
}

void object_store::record(change_event event) {
    window_bytes_ += event.now->frame()->size();
    events_.push_back(std::move(event));
    while (events_.size() > bounds_.window_events || window_bytes_ > bounds_.window_bytes) {
        if (events_.size() == 1) break;
        forgotten_ = events_.front().revision;
        forgotten_by_type_[events_.front().type_key] = forgotten_;
        window_bytes_ -= events_.front().now->frame()->size();
        events_.pop_front();
    }
    if (listener_) listener_(events_.back());
}

base::outcome<object_pointer> object_store::put(std::string_view type_key, const object_key& key,
                                                json::object content) {
    const auto next = revision_ + 1;
    metadata_of(content)["resourceVersion"] = std::to_string(next);
    const auto text = json::serialize(content);
    if (journal_) {
        auto stored = journal_(put_line(type_key, key, next, text));
        if (!stored) return base::pass(std::move(stored));
    }
    auto& objects = collection_of(type_key);
    auto& slot = objects[key];
    const auto type = slot ? change_type::modified : change_type::added;
    auto object = std::make_shared<const stored_object>(type, text, content, next);
    revision_ = next;
    auto before = std::exchange(slot, object);
    record({.revision = next,
            .type = type,
            .type_key = collections_.find(type_key)->first,
            .key = key,
            .now = object,
            .before = std::move(before)});
    return object;
}

base::outcome<object_pointer> object_store::remove(std::string_view type_key,
                                                   const object_key& key) {
    auto before = find(type_key, key);
    if (!before) return object_pointer();
    const auto next = revision_ + 1;
    if (journal_) {
        auto stored = journal_(json::serialize(json::object{
            {"del", type_key}, {"ns", key.first}, {"name", key.second}, {"rv", next}}));
        if (!stored) return base::pass(std::move(stored));
    }
    auto content = before->parse();
    metadata_of(content)["resourceVersion"] = std::to_string(next);
    auto last = std::make_shared<const stored_object>(change_type::deleted,
                                                      json::serialize(content), content, next);
    revision_ = next;
    collection_of(type_key).erase(key);
    record({.revision = next,
            .type = change_type::deleted,
            .type_key = collections_.find(type_key)->first,
            .key = key,
            .now = last,
            .before = std::move(before)});
    return last;
}

base::outcome<void> object_store::replay(std::string_view line) {
    const auto broken = [] { return base::fail(base::errc::corrupt, "malformed journal line"); };
    const auto tab = line.find('\t');
    boost::system::error_code error;
    const auto head = json::parse(line.substr(0, tab), error);
    if (error || !head.is_object()) return broken();
    const auto& fields = head.get_object();
    const auto* rv = fields.if_contains("rv");
    if (rv == nullptr || !rv->is_int64()) return broken();
    const auto revision = static_cast<std::uint64_t>(rv->get_int64());
    const object_key key{text_at(fields, "ns"), text_at(fields, "name")};
    const bool is_new = revision > snapshot_revision_;
    if (fields.contains("put")) {
        if (tab == std::string_view::npos) return broken();
        const auto text = line.substr(tab + 1);
        const auto content = parsed(text);
        if (content.empty()) return broken();
        if (is_new) {
            collection_of(text_at(fields, "put"))[key] = std::make_shared<const stored_object>(
                change_type::modified, text, content, revision);
        }
    } else if (fields.contains("del")) {
        if (is_new) collection_of(text_at(fields, "del")).erase(key);
    } else {
        snapshot_revision_ = revision;
    }
    revision_ = std::max(revision_, revision);
    forgotten_ = forgotten_by_all_ = revision_;
    return {};
}

std::function<void(const std::function<void(std::string_view)>&)> object_store::snapshot() const {
    struct entry {
        std::string type_key;
        object_key key;
        object_pointer object;
    };
    std::vector<entry> entries;
    for (const auto& [type_key, objects] : collections_) {
        for (const auto& [key, object] : objects) entries.push_back({type_key, key, object});
    }
    return [entries = std::move(entries),
            revision = revision_](const std::function<void(std::string_view)>& out) {
        for (const auto& each : entries) {
            out(put_line(each.type_key, each.key, each.object->revision, each.object->text()));
        }
        // A line with only the revision: older lines of the logs are contained in the lines above.
        out(json::serialize(json::object{{"rv", revision}}));
    };
}

}  // namespace apiserver
