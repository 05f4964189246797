#pragma once
// The objects of the cluster by type, namespace and name, each with the resourceVersion of its last
// change. A window of recent changes serves watches, pages and reads of older revisions. Every
// change is written to a journal first. Has no clock and no network. Belongs to one thread; the
// objects that it returns are immutable.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/failure.hpp"
#include "json/json.hpp"

namespace apiserver {

using object_key = std::pair<std::string, std::string>;  // namespace, name

enum class change_type : std::uint8_t { added, modified, deleted };
std::string_view word(change_type type);  // "ADDED"

// One version of an object. Its text is part of the line that watches send, so that a change is
// encoded once for the store and all watchers.
class stored_object {
  public:
    // `type` is the change that created this version; `text` is `content`, serialized.
    stored_object(change_type type, std::string_view text, const json::object& content,
                  std::uint64_t created_at);
    [[nodiscard]] std::string_view text() const noexcept {
        return std::string_view(*frame_).substr(begin_, frame_->size() - begin_ - 2);
    }
    // {"type":"ADDED","object":...} and a newline.
    [[nodiscard]] const std::shared_ptr<const std::string>& frame() const noexcept {
        return frame_;
    }
    [[nodiscard]] json::object parse() const;
    [[nodiscard]] const std::string* label(std::string_view key) const;

    std::uint64_t revision = 0;
    std::string uid;
    std::vector<std::string> owners;  // uids
    bool is_deleting = false;         // has a deletionTimestamp
    bool has_finalizers = false;

  private:
    std::shared_ptr<const std::string> frame_;
    std::size_t begin_ = 0;
    std::vector<std::pair<std::string, std::string>> labels_;
};

using object_pointer = std::shared_ptr<const stored_object>;

struct change_event {
    std::uint64_t revision = 0;
    change_type type = change_type::added;
    std::string_view type_key;  // resource_type::key(); owned by the store
    object_key key;
    object_pointer now;     // after the change; for a deletion the last state
    object_pointer before;  // null for an addition
};

class object_store {
  public:
    using collection = std::map<object_key, object_pointer>;
    // Receives a line for each change before it takes effect. If it fails, the change fails.
    using line_sink = std::function<base::outcome<void>(std::string_view line)>;
    struct limits {
        std::size_t window_events = 20'000;
        std::size_t window_bytes = 64 * 1024 * 1024;
    };

    explicit object_store(line_sink journal = {});
    object_store(line_sink journal, limits bounds);
    object_store(const object_store&) = delete;
    object_store& operator=(const object_store&) = delete;

    [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
    // The last revision that is no longer in the window: for all types, for one type.
    [[nodiscard]] std::uint64_t forgotten() const noexcept { return forgotten_; }
    [[nodiscard]] std::uint64_t forgotten(std::string_view type_key) const;
    void forget_window();  // simulates a compaction

    [[nodiscard]] object_pointer find(std::string_view type_key, const object_key& key) const;
    [[nodiscard]] const collection& all(std::string_view type_key) const;
    [[nodiscard]] const std::map<std::string, collection, std::less<>>& everything()
        const noexcept {
        return collections_;
    }
    // Calls `each` with the objects of a namespace (empty: all) as of a revision, in order,
    // beginning at `start`, until `each` returns false. The revision must not be forgotten for the
    // type.
    struct range {
        std::string ns{};
        object_key start{};
        std::uint64_t revision = 0;
    };
    void each_at(std::string_view type_key, const range& range,
                 const std::function<bool(const object_key&, const object_pointer&)>& each) const;

    // Writes with the next revision in metadata.resourceVersion. Errors: the journal's.
    base::outcome<object_pointer> put(std::string_view type_key, const object_key& key,
                                      json::object content);
    // Returns the last state of the object; null if it does not exist. Errors: the journal's.
    base::outcome<object_pointer> remove(std::string_view type_key, const object_key& key);

    [[nodiscard]] const std::deque<change_event>& window() const noexcept { return events_; }
    void on_change(std::function<void(const change_event&)> listener) {
        listener_ = std::move(listener);
    }

    // Applies one line of a journal: first of its snapshot, then of its logs. Errors: corrupt.
    base::outcome<void> replay(std::string_view line);
    // Returns a function that passes on the lines of the present content. The function may run
    // later on another thread.
    [[nodiscard]] std::function<void(const std::function<void(std::string_view)>&)> snapshot()
        const;

  private:
    void record(change_event event);
    collection& collection_of(std::string_view type_key);
    line_sink journal_;
    limits bounds_;
    std::map<std::string, collection, std::less<>> collections_;
    std::deque<change_event> events_;
    std::size_t window_bytes_ = 0;
    std::function<void(const change_event&)> listener_;
    std::uint64_t revision_ = 1;
    std::uint64_t forgotten_ = 1;
    std::uint64_t forgotten_by_all_ = 1;  // for every type
    std::unordered_map<std::string_view, std::uint64_t> forgotten_by_type_;
    std::uint64_t snapshot_revision_ = 0;  // during replay: older lines are in the snapshot
};

}  // namespace apiserver
