#pragma once
// The Kubernetes API as a function from a request to an answer over an object_store: discovery,
// create, read, list, update, patch, delete, with Kubernetes' checks and words. No network, no
// threads; watches and the service proxy are told apart here and served by the shell (server.cpp).
// kubernetes.io/docs/reference/using-api/api-concepts

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/selector.hpp"
#include "devcluster/apiserver/status.hpp"
#include "devcluster/apiserver/types.hpp"
#include "http/message.hpp"

namespace apiserver {

struct watch_order {
    const resource_type* type = nullptr;
    std::string name_space;  // empty: all
    selector wanted;
    std::uint64_t after = 0;  // changes beyond this revision
    bool initial_events = false;
    bool bookmarks = false;
    std::chrono::seconds timeout{1800};
};

struct proxy_order {
    std::string host;
    std::uint16_t port = 0;
    std::string target;  // path and query for the backend
};

using reply = std::variant<http::response, watch_order, proxy_order>;

// Where a request goes.
struct route {
    const resource_type* type = nullptr;
    std::string name_space;
    std::string name;         // empty: the collection
    std::string subresource;  // "status", "proxy", ""
    std::string rest;         // behind .../proxy
};

class core {
  public:
    core(object_store& objects, type_table& types, const base::clock& clock);

    reply handle(const http::request& incoming);
    // What the metrics of the server and its fault switches call this request.
    [[nodiscard]] static std::string verb_of(const http::request& incoming, const route& to);
    [[nodiscard]] std::optional<route> find_route(std::string_view path) const;

    // For the program itself: makes the object, or leaves a present one alone.
    void ensure(std::string_view group, std::string_view version, std::string_view plural,
                json::object content);

  private:
    using query_map = std::map<std::string, std::string, std::less<>>;
    using written = std::variant<http::response, refusal>;

    http::response discover(std::string_view path, const http::request& incoming,
                            bool& known) const;
    http::response get(const route& to) const;
    reply list(const route& to, const query_map& query) const;
    reply watch(const route& to, const query_map& query) const;
    reply proxy(const route& to, const http::request& incoming) const;

    // writing.cpp
    http::response create(const route& to, const query_map& query, const http::request& incoming);
    http::response update(const route& to, const query_map& query, const http::request& incoming);
    http::response patch(const route& to, const query_map& query, const http::request& incoming);
    http::response remove(const route& to, const http::request& incoming);
    http::response remove_all(const route& to, const query_map& query);
    http::response write(const route& to, const query_map& query, json::object wanted,
                         bool is_patch);
    std::optional<refusal> admit(const resource_type& type, const query_map& query,
                                 json::object& object, bool is_patch,
                                 std::vector<std::string>& warnings) const;
    std::optional<refusal> check_namespace(const route& to) const;
    void store(const resource_type& type, const object_store::object_key& key, json::object object);
    void end(const resource_type& type, const object_store::object_key& key);
    void erase(const resource_type& type, const object_store::object_key& key);
    void collect_dependents(const std::string& uid);
    void finish_namespace(const std::string& name);
    std::string new_uid();
    [[nodiscard]] const resource_type* type_of_key(const std::string& type_key) const;

    object_store& objects_;
    type_table& types_;
    const base::clock& clock_;
    std::mt19937_64 random_;
    struct place {
        std::string type_key;
        object_store::object_key key;
        auto operator<=>(const place&) const = default;
    };
    std::unordered_multimap<std::string, place> dependents_;  // owner's uid -> objects
};

}  // namespace apiserver
