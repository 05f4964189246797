#pragma once
// Owners, finalizers and namespaces. Work that Kubernetes leaves to its garbage collector and its
// namespace controller happens here within the request, as a sequence of single changes. The next
// start resumes what a kill interrupts. Belongs to the thread of the object store.

#include <compare>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/resource_types.hpp"

namespace apiserver {

struct object_ref {
    std::string type_key;
    object_key key;
    auto operator<=>(const object_ref&) const = default;
};

// Kubernetes' propagation policies: dependents are deleted after their owner, before it, or never.
enum class propagation : std::uint8_t { background, foreground, orphan };

class garbage_collector {
  public:
    // Indexes the objects of the store.
    garbage_collector(object_store& objects, type_table& types, const base::clock& clock);

    // Continues deletions that an earlier process began: terminating namespaces, objects without
    // owners. Errors: the journal's.
    base::outcome<void> resume();
    // Writes an object. Every write goes through this function, which keeps the index of owners and
    // the table of types current. Errors: the journal's.
    base::outcome<object_pointer> put(const resource_type& type, const object_key& key,
                                      json::object object);
    // Deletes the object, or marks it as deleting if it has finalizers. Errors: the journal's.
    base::outcome<void> begin_delete(const object_ref& ref,
                                     propagation policy = propagation::background);
    // Erases the object and deletes its dependents. Errors: the journal's.
    base::outcome<void> erase(const object_ref& ref);
    // True if the object has owners and none of them exists.
    [[nodiscard]] bool is_orphan(const stored_object& object) const;

  private:
    base::outcome<void> mark_deleting(const object_ref& ref, std::string_view finalizer);
    base::outcome<void> collect_dependents(const std::string& uid);
    base::outcome<void> release_dependents(const std::string& uid);
    base::outcome<void> drop_owner(const object_ref& ref, const std::string& uid);
    base::outcome<void> finish_foreground(const std::string& owner_uid);
    base::outcome<void> empty_namespace(const std::string& name);
    base::outcome<void> finish_namespace(const std::string& name);
    [[nodiscard]] std::vector<object_ref> dependents_of(const std::string& uid) const;
    void index(const object_ref& ref, const object_pointer& before, const object_pointer& now);

    object_store& objects_;
    type_table& types_;
    const base::clock& clock_;
    std::unordered_multimap<std::string, object_ref> dependents_;  // owner's uid -> objects
    std::unordered_map<std::string, object_ref> by_uid_;
};

}  // namespace apiserver
