#pragma once
// The Kubernetes API as a function from a request to an answer over an object_store: discovery,
// create, read, list, update, patch, delete, with Kubernetes' checks and words. No network, no
// threads, no waiting: watches and the service proxy are understood here and served by the shell
// (server.cpp). Belongs to one thread. kubernetes.io/docs/reference/using-api/api-concepts

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/representation.hpp"
#include "devcluster/apiserver/resource_types.hpp"
#include "devcluster/apiserver/status_response.hpp"
#include "devcluster/apiserver/watch.hpp"
#include "http/message.hpp"

namespace apiserver {

// Where services/proxy and pods/proxy go.
struct proxy_order {
    std::string host;
    std::uint16_t port = 0;
    std::string target;  // path and query for the backend
};

// [scheme:]NAME[:port], as services/proxy and pods/proxy are asked for.
struct proxy_name {
    std::string scheme, name, port;
};
proxy_name split_proxy_name(std::string_view text);

using reply = std::variant<http::response, watch_order, proxy_order>;

// A request, understood as far as its path and query go.
struct call {
    type_pointer type;  // null: discovery, or nothing that is served
    std::string verb;   // "get", "list", "watch", "create", ..., "proxy", "discovery"
    std::string ns;
    std::string name;         // empty: the collection
    std::string subresource;  // "status", "proxy", ""
    std::string rest;         // behind .../proxy
    std::string path;         // decoded
    std::string raw_query;    // as sent
    std::map<std::string, std::string, std::less<>> query;

    [[nodiscard]] std::string_view option(std::string_view name) const;
    [[nodiscard]] bool flag(std::string_view name) const;  // "true" or "1"
    [[nodiscard]] object_key key() const { return {ns, name}; }
    // "postgreses/status"; empty for discovery.
    [[nodiscard]] std::string resource() const;
};

class core {
  public:
    // Takes up what was left undone: namespaces that are ending, objects whose owners have gone.
    core(object_store& objects, type_table& types, const base::clock& clock);

    // Failure: invalid (the target cannot be decoded).
    [[nodiscard]] base::outcome<call> understand(const http::request& incoming) const;
    reply answer(const call& asked, const http::request& incoming);
    // Both.
    reply handle(const http::request& incoming);

    // For the program itself: makes the object, or leaves a present one alone; `replace`: writes
    // its spec again when it differs. Failures: invalid (an unknown type), the journal's.
    enum class when_present : std::uint8_t { keep, replace };
    base::outcome<void> ensure(std::string_view api_version, std::string_view plural,
                               json::object content, when_present then = when_present::keep);

  private:
    using answered = std::variant<http::response, refusal>;
    struct place {
        std::string type_key;
        object_key key;
        auto operator<=>(const place&) const = default;
    };

    // reading.cpp
    reply get(const call& asked, shape as) const;
    reply list(const call& asked, shape as) const;
    reply watch(const call& asked, shape as);
    reply proxy(const call& asked);
    std::optional<refusal> check_versions(const call& asked) const;
    struct list_range {
        object_store::range which;
        std::uint64_t limit;  // 0: all
    };
    std::expected<list_range, refusal> read_range(const call& asked) const;

    // writing.cpp
    answered create(const call& asked, const http::request& incoming);
    answered update(const call& asked, const http::request& incoming);
    answered patch(const call& asked, const http::request& incoming);
    answered write(const call& asked, const object_pointer& present, json::object wanted);
    std::optional<refusal> check_namespace(const call& asked) const;
    std::optional<refusal> check_identity(const call& asked, const json::object& wanted,
                                          const object_pointer& present) const;
    http::response stored_answer(const call& asked, unsigned status, const object_pointer& object,
                                 const std::vector<std::string>& warnings) const;
    void complete_new(const call& asked, json::object& object);
    base::outcome<object_pointer> store(const resource_type& type, const object_key& key,
                                        json::object object);
    std::string new_uid();

    // removal.cpp
    answered remove(const call& asked, const http::request& incoming);
    answered remove_all(const call& asked, const http::request& incoming);
    enum class dependents_go : std::uint8_t { after, before, never };
    base::outcome<void> end(const place& what, dependents_go when = dependents_go::after);
    base::outcome<void> erase(const place& what);
    base::outcome<void> mark_ending(const place& what, std::string_view finalizer);
    base::outcome<void> collect_dependents(const std::string& uid);
    base::outcome<void> release_dependents(const std::string& uid);
    base::outcome<void> drop_owner(const place& what, const std::string& uid);
    base::outcome<void> finish_foreground(const std::string& owner_uid);
    base::outcome<void> empty_namespace(const std::string& name);
    base::outcome<void> finish_namespace(const std::string& name);
    base::outcome<void> take_up_the_undone();
    void index(const place& what, const object_pointer& before, const object_pointer& now);

    object_store& objects_;
    type_table& types_;
    const base::clock& clock_;
    std::mt19937_64 random_;
    std::unordered_multimap<std::string, place> dependents_;  // owner's uid -> objects
    std::unordered_map<std::string, place> by_uid_;
};

}  // namespace apiserver
