#pragma once
// The cluster's content: objects by type, namespace and name, each with the resourceVersion of its
// last change, and the window of recent changes that watches are fed from. Every change goes to a
// journal first. No clock, no network.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "devcluster/apiserver/types.hpp"

namespace apiserver {

struct stored_object {
    json::object content;
    std::shared_ptr<const std::string> text;  // content, serialized
    std::uint64_t revision = 0;
};

enum class change_type : std::uint8_t { added, modified, deleted };

struct change_event {
    std::uint64_t revision = 0;
    change_type type = change_type::added;
    std::string type_key;  // resource_type::key()
    std::string name_space;
    std::shared_ptr<const stored_object> now;     // after; as deleted, for a deletion
    std::shared_ptr<const stored_object> before;  // null for an addition
};

class object_store {
  public:
    // namespace, name
    using object_key = std::pair<std::string, std::string>;
    using collection = std::map<object_key, std::shared_ptr<const stored_object>>;

    // `journal` is given a line for each change before it is seen; may be empty.
    explicit object_store(std::function<void(std::string_view line)> journal = {},
                          std::size_t window = 20'000);

    [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
    // Changes up to this one are no longer in the window.
    [[nodiscard]] std::uint64_t forgotten() const noexcept { return forgotten_; }
    void forget_window();  // as after a compaction

    [[nodiscard]] std::shared_ptr<const stored_object> find(const std::string& type_key,
                                                            const object_key& key) const;
    [[nodiscard]] const collection& all(const std::string& type_key) const;
    [[nodiscard]] const std::map<std::string, collection>& everything() const noexcept {
        return collections_;
    }

    // Writes with the next revision in metadata.resourceVersion.
    std::shared_ptr<const stored_object> put(const std::string& type_key, const object_key& key,
                                             json::object content);
    void remove(const std::string& type_key, const object_key& key);

    [[nodiscard]] const std::deque<change_event>& window() const noexcept { return events_; }
    void on_change(std::function<void(const change_event&)> listener) {
        listener_ = std::move(listener);
    }

    // One line of a journal. Failure: corrupt.
    base::outcome<void> replay(std::string_view line);
    // The lines that make the present content.
    void write_snapshot(const std::function<void(std::string_view line)>& out) const;

  private:
    void record(change_event event);
    std::function<void(std::string_view)> journal_;
    std::size_t window_max_;
    std::map<std::string, collection> collections_;
    std::deque<change_event> events_;
    std::function<void(const change_event&)> listener_;
    std::uint64_t revision_ = 1;
    std::uint64_t forgotten_ = 1;
};

}  // namespace apiserver
