#pragma once
// The resource types that the API server knows: its own and those of CustomResourceDefinitions.

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace apiserver {

namespace json = boost::json;

struct resource_type {
    std::string group;  // "" = core
    std::string version;
    std::string plural;
    std::string kind;
    bool namespaced = true;
    bool has_status = false;
    bool is_custom = false;
    json::object schema{};  // openAPIV3Schema of a custom type; empty otherwise
    [[nodiscard]] std::string api_version() const {
        return group.empty() ? version : group + "/" + version;
    }
    // What objects of it are stored under: versions do not matter there.
    [[nodiscard]] std::string key() const { return group + "/" + plural; }
};

class type_table {
  public:
    type_table();  // with the server's own types
    [[nodiscard]] const resource_type* find(std::string_view group, std::string_view version,
                                            std::string_view plural) const;
    [[nodiscard]] const std::vector<std::unique_ptr<resource_type>>& all() const noexcept {
        return types_;
    }
    // Adds or replaces what a CustomResourceDefinition object describes; its served versions.
    void add_definition(const json::object& definition);
    void remove_definition(std::string_view group, std::string_view plural);

  private:
    void add(resource_type made);
    std::vector<std::unique_ptr<resource_type>> types_;
    // Types that were replaced or removed: a watch may still hold one.
    std::vector<std::unique_ptr<resource_type>> retired_;
};

}  // namespace apiserver
