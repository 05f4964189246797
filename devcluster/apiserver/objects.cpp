#include "devcluster/apiserver/objects.hpp"

#include <utility>

namespace apiserver {
namespace {

std::string put_line(const std::string& type_key, const object_store::object_key& key,
                     const stored_object& object) {
    return json::serialize(json::object{{"put", type_key},
                                        {"ns", key.first},
                                        {"name", key.second},
                                        {"rv", object.revision}}) +
           "\t" + *object.text;
}

}  // namespace

object_store::object_store(std::function<void(std::string_view)> journal, std::size_t window)
    : journal_(std::move(journal)), window_max_(window) {}

void object_store::forget_window() {
    events_.clear();
    forgotten_ = revision_;
}

std::shared_ptr<const stored_object> object_store::find(const std::string& type_key,
                                                        const object_key& key) const {
    const auto& objects = all(type_key);
    const auto at = objects.find(key);
    return at == objects.end() ? nullptr : at->second;
}

const object_store::collection& object_store::all(const std::string& type_key) const {
    static const collection none;
    const auto at = collections_.find(type_key);
    return at == collections_.end() ? none : at->second;
}

void object_store::record(change_event event) {
    events_.push_back(std::move(event));
    while (events_.size() > window_max_) {
        forgotten_ = events_.front().revision;
        events_.pop_front();
    }
    if (listener_) listener_(events_.back());
}

std::shared_ptr<const stored_object> object_store::put(const std::string& type_key,
                                                       const object_key& key,
                                                       json::object content) {
    auto made = std::make_shared<stored_object>();
    made->revision = ++revision_;
    content["metadata"].get_object()["resourceVersion"] = std::to_string(revision_);
    made->content = std::move(content);
    made->text = std::make_shared<const std::string>(json::serialize(made->content));
    if (journal_) journal_(put_line(type_key, key, *made));
    auto& place = collections_[type_key][key];
    const auto before = std::exchange(place, made);
    record({.revision = made->revision,
            .type = before ? change_type::modified : change_type::added,
            .type_key = type_key,
            .name_space = key.first,
            .now = made,
            .before = before});
    return made;
}

void object_store::remove(const std::string& type_key, const object_key& key) {
    const auto before = find(type_key, key);
    if (!before) return;
    auto last = std::make_shared<stored_object>();
    last->revision = ++revision_;
    last->content = before->content;
    last->content["metadata"].get_object()["resourceVersion"] = std::to_string(revision_);
    last->text = std::make_shared<const std::string>(json::serialize(last->content));
    if (journal_) {
        journal_(json::serialize(json::object{
            {"del", type_key}, {"ns", key.first}, {"name", key.second}, {"rv", revision_}}));
    }
    collections_[type_key].erase(key);
    record({.revision = last->revision,
            .type = change_type::deleted,
            .type_key = type_key,
            .name_space = key.first,
            .now = last,
            .before = before});
}

base::outcome<void> object_store::replay(std::string_view line) {
    const auto broken = base::fail(base::errc::corrupt, "a journal line cannot be read");
    const auto tab = line.find('\t');
    boost::system::error_code error;
    const auto head = json::parse(line.substr(0, tab), error);
    if (error || !head.is_object()) return broken;
    const auto& fields = head.get_object();
    const auto text = [&](std::string_view name) {
        const auto* value = fields.if_contains(name);
        return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
    };
    const auto* rv = fields.if_contains("rv");
    if (rv == nullptr || !rv->is_int64()) return broken;
    const auto revision = static_cast<std::uint64_t>(rv->get_int64());
    const object_key key{text("ns"), text("name")};
    if (fields.contains("put")) {
        if (tab == std::string_view::npos) return broken;
        auto content = json::parse(line.substr(tab + 1), error);
        if (error || !content.is_object()) return broken;
        auto made = std::make_shared<stored_object>();
        made->revision = revision;
        made->content = std::move(content.get_object());
        made->text = std::make_shared<const std::string>(line.substr(tab + 1));
        collections_[text("put")][key] = std::move(made);
    } else if (fields.contains("del")) {
        collections_[text("del")].erase(key);
    }
    revision_ = std::max(revision_, revision);
    forgotten_ = revision_;
    return {};
}

void object_store::write_snapshot(const std::function<void(std::string_view)>& out) const {
    // A line that names only the revision: it must not go back.
    out(json::serialize(json::object{{"rv", revision_}}));
    for (const auto& [type_key, objects] : collections_) {
        for (const auto& [key, object] : objects) out(put_line(type_key, key, *object));
    }
}

}  // namespace apiserver
