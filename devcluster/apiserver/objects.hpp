#pragma once
// The cluster's content: objects by type, namespace and name, each with the resourceVersion of its
// last change, and the window of recent changes that watches, pages and old versions are answered
// from. Every change goes to a journal first. No clock, no network; belongs to one thread, but what
// it hands out is immutable.

#include <boost/json.hpp>
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

namespace apiserver {

namespace json = boost::json;

using object_key = std::pair<std::string, std::string>;  // namespace, name

enum class change_type : std::uint8_t { added, modified, deleted };
std::string_view word(change_type type);  // "ADDED"

// One version of one object. Its text lives inside of the line that watches are sent, so that a
// change is encoded once, for the store and for every watcher.
class stored_object {
  public:
    // `type` is the change that made this version; `text` is `content`, serialized.
    stored_object(change_type type, std::string_view text, const json::object& content,
                  std::uint64_t revision);
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
    bool is_ending = false;           // has a deletionTimestamp
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
    std::string_view type_key;  // resource_type::key(); the store owns it
    object_key key;
    object_pointer now;     // after; as deleted, for a deletion
    object_pointer before;  // null for an addition
};

class object_store {
  public:
    using collection = std::map<object_key, object_pointer>;
    // Is given a line for each change before it is made; its failure becomes the change's.
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
    // Changes up to this one are no longer in the window: of any type, of one.
    [[nodiscard]] std::uint64_t forgotten() const noexcept { return forgotten_; }
    [[nodiscard]] std::uint64_t forgotten(std::string_view type_key) const;
    void forget_window();  // as after a compaction

    [[nodiscard]] object_pointer find(std::string_view type_key, const object_key& key) const;
    [[nodiscard]] const collection& all(std::string_view type_key) const;
    [[nodiscard]] const std::map<std::string, collection, std::less<>>& everything()
        const noexcept {
        return collections_;
    }
    // Calls `each` with the objects of a namespace (empty: of all) as they were at a revision that
    // is not forgotten for the type, in order from `from` on, until it says false.
    struct range {
        std::string ns{};
        object_key from{};
        std::uint64_t revision = 0;
    };
    void each_at(std::string_view type_key, const range& which,
                 const std::function<bool(const object_key&, const object_pointer&)>& each) const;

    // Writes with the next revision in metadata.resourceVersion. Failures: the journal's.
    base::outcome<object_pointer> put(std::string_view type_key, const object_key& key,
                                      json::object content);
    // The object as it ended; null when it was not there. Failures: the journal's.
    base::outcome<object_pointer> remove(std::string_view type_key, const object_key& key);

    [[nodiscard]] const std::deque<change_event>& window() const noexcept { return events_; }
    void on_change(std::function<void(const change_event&)> listener) {
        listener_ = std::move(listener);
    }

    // One line of a journal: of its snapshot, then of its logs. Failure: corrupt.
    base::outcome<void> replay(std::string_view line);
    // A function that gives the lines that make the present content; it may run on another thread,
    // later.
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
    std::uint64_t forgotten_by_all_ = 1;  // whatever the type
    std::unordered_map<std::string_view, std::uint64_t> forgotten_by_type_;
    std::uint64_t snapshot_revision_ = 0;  // while replaying: older lines are known
};

}  // namespace apiserver
