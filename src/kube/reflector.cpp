#include "kube/reflector.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <utility>
#include <vector>

namespace kube {
namespace {

using base::errc;
using base::fail;
namespace od = simdjson::ondemand;

constexpr std::size_t frame_bytes_max = 16 * 1024 * 1024;
constexpr std::chrono::seconds silence_margin{30};

std::string_view text_or_empty(od::object& from, std::string_view key) {
    std::string_view text;
    if (from.find_field_unordered(key).get_string().get(text) != simdjson::SUCCESS) return {};
    return text;
}

// metadata of an object; empty name when there is none.
object_meta read_meta(od::object& object) {
    object_meta meta;
    od::object metadata;
    if (object.find_field_unordered("metadata").get_object().get(metadata) != simdjson::SUCCESS) {
        return meta;
    }
    meta.name_space = text_or_empty(metadata, "namespace");
    meta.name = text_or_empty(metadata, "name");
    meta.uid = text_or_empty(metadata, "uid");
    meta.resource_version = text_or_empty(metadata, "resourceVersion");
    return meta;
}

std::string key_of(const object_meta& meta) {
    return meta.name_space + "/" + meta.name;
}

}  // namespace

reflector::reflector(informer_options how, informer_listener& listener)
    : how_(std::move(how)), listener_(listener), random_(how_.seed), backoff_({}, how_.seed) {}

reflector::order reflector::next() {
    if (std::exchange(must_wait_, false)) return {.what = step::wait, .wait = backoff_.next()};
    if (is_listing_) {
        ++counters_.lists;
        order list{.what = step::list, .continue_token = continue_token_};
        if (continue_token_.empty() && !from_any_version_) list.resource_version = version_;
        return list;
    }
    ++counters_.watches;
    std::uniform_int_distribution<std::int64_t> seconds(how_.watch_timeout_min.count(),
                                                        how_.watch_timeout_max.count());
    const auto timeout = std::chrono::seconds(seconds(random_));
    silence_max_ = timeout + silence_margin;
    partial_.clear();
    return {.what = step::watch, .resource_version = version_, .timeout = timeout};
}

void reflector::set_link(bool connected, const std::string& why) {
    if (std::exchange(is_connected_, connected) == connected) return;
    listener_.on_link(connected, why);
}

void reflector::back_off(const base::failure& why) {
    must_wait_ = true;
    set_link(false, why.text);
}

void reflector::relist(const std::string&) {
    is_listing_ = true;
    continue_token_.clear();
    listed_.clear();
    from_any_version_ = true;
}

void reflector::upsert(object_meta meta, std::string_view text) {
    const auto key = key_of(meta);
    const auto at = known_.find(key);
    if (at != known_.end() && at->second.uid != meta.uid) listener_.on_delete(at->second);
    listener_.on_upsert(meta, text);
    known_[key] = std::move(meta);
    counters_.objects = known_.size();
}

base::outcome<void> reflector::on_page(std::string_view text) {
    const simdjson::padded_string padded(text);
    od::parser parser;
    od::document document;
    od::object root;
    if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
        document.get_object().get(root) != simdjson::SUCCESS) {
        return fail(errc::corrupt, "a list that is not JSON");
    }
    std::string next_token;
    std::string version;
    {
        od::object metadata;
        if (root.find_field_unordered("metadata").get_object().get(metadata) != simdjson::SUCCESS) {
            return fail(errc::corrupt, "a list without metadata");
        }
        version = text_or_empty(metadata, "resourceVersion");
        next_token = text_or_empty(metadata, "continue");
    }
    od::array items;
    const auto found = root.find_field_unordered("items").get_array().get(items);
    if (found == simdjson::SUCCESS) {
        for (auto item : items) {
            od::object object;
            std::string_view raw;
            if (item.get_object().get(object) != simdjson::SUCCESS) {
                return fail(errc::corrupt, "a list item that is not an object");
            }
            auto meta = read_meta(object);
            if (object.reset().error() != simdjson::SUCCESS ||
                object.raw_json().get(raw) != simdjson::SUCCESS || meta.name.empty()) {
                return fail(errc::corrupt, "a list item without a name");
            }
            listed_.insert(key_of(meta));
            upsert(std::move(meta), raw);
        }
    }
    set_link(true, {});
    continue_token_ = std::move(next_token);
    if (continue_token_.empty()) {
        version_ = std::move(version);
        finish_list();
    }
    return {};
}

void reflector::finish_list() {
    std::vector<object_meta> missing;
    for (const auto& [key, meta] : known_) {
        if (!listed_.contains(key)) missing.push_back(meta);
    }
    for (const auto& meta : missing) {
        known_.erase(key_of(meta));
        listener_.on_delete(meta);
    }
    listed_.clear();
    counters_.objects = known_.size();
    is_listing_ = false;
    from_any_version_ = false;
    backoff_.reset();
    if (!std::exchange(counters_.synced, true)) listener_.on_synced();
}

void reflector::on_list_failed(const base::failure& why) {
    const bool too_new = !why.fields.empty() && why.fields[0].code == "ResourceVersionTooLarge";
    if (why.code == errc::gone || too_new) {
        const bool was_bound = !continue_token_.empty() || !from_any_version_;
        relist(why.text);
        if (was_bound) return;  // again at once, without a position; then with patience
    }
    continue_token_.clear();
    listed_.clear();
    back_off(why);
}

void reflector::on_watch_opened() {
    set_link(true, {});
}

base::outcome<void> reflector::on_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        if (end == std::string_view::npos) {
            partial_ += bytes;
            if (partial_.size() > frame_bytes_max) {
                return fail(errc::corrupt, "a watch frame that is too large");
            }
            return {};
        }
        base::outcome<void> taken;
        if (partial_.empty()) {
            taken = on_frame(bytes.substr(0, end));
        } else {
            partial_ += bytes.substr(0, end);
            const auto whole = std::exchange(partial_, {});
            taken = on_frame(whole);
        }
        if (!taken) return taken;
        bytes.remove_prefix(end + 1);
    }
    return {};
}

base::outcome<void> reflector::on_frame(std::string_view frame) {
    if (frame.empty() || frame == "\r") return {};
    const simdjson::padded_string padded(frame);
    od::parser parser;
    od::document document;
    od::object root;
    if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
        document.get_object().get(root) != simdjson::SUCCESS) {
        return fail(errc::corrupt, "a watch frame that is not JSON");
    }
    const std::string type(text_or_empty(root, "type"));
    od::object object;
    if (root.find_field_unordered("object").get_object().get(object) != simdjson::SUCCESS) {
        return fail(errc::corrupt, "a watch frame without an object");
    }
    ++counters_.events;
    if (type == "ERROR") {
        std::int64_t code = 0;
        (void)object.find_field_unordered("code").get_int64().get(code);
        const std::string reason(text_or_empty(object, "reason"));
        const bool is_gone = code == 410 || reason == "Gone" || reason == "Expired";
        return fail(is_gone ? errc::gone : errc::unavailable,
                    fmt::format("the watch ended with {} {}", code, reason), reason);
    }
    auto meta = read_meta(object);
    if (meta.resource_version.empty()) {
        return fail(errc::corrupt, "a watch frame without a resourceVersion");
    }
    backoff_.reset();
    version_ = meta.resource_version;
    if (type == "BOOKMARK") return {};
    std::string_view raw;
    if (object.reset().error() != simdjson::SUCCESS ||
        object.raw_json().get(raw) != simdjson::SUCCESS || meta.name.empty()) {
        return fail(errc::corrupt, "a watch frame without a name");
    }
    if (type == "DELETED") {
        known_.erase(key_of(meta));
        counters_.objects = known_.size();
        listener_.on_delete(meta);
    } else {
        upsert(std::move(meta), raw);
    }
    return {};
}

void reflector::on_watch_ended() {
    partial_.clear();
}

void reflector::on_watch_failed(const base::failure& why) {
    partial_.clear();
    if (why.code == errc::gone) {
        relist(why.text);
        return;
    }
    back_off(why);
}

}  // namespace kube
