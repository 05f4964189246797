#pragma once
// The resource types that the API server knows: its own and those of CustomResourceDefinitions.
// Types are immutable; a changed definition makes a new one, and whoever holds the old keeps it.

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devcluster/apiserver/schema.hpp"

namespace apiserver {

namespace json = boost::json;

inline const std::string namespaces_key = "/namespaces";
inline const std::string definitions_key = "apiextensions.k8s.io/customresourcedefinitions";

// One of additionalPrinterColumns.
struct printer_column {
    std::string name;
    std::string type;  // "string", "integer", "date", ...
    std::string path;  // ".status.phase"
};

struct resource_type {
    std::string group;  // "" = core
    std::string version;
    std::string storage_version;  // the version that objects are kept in
    std::string plural;
    std::string kind;
    std::vector<std::string> short_names{};
    std::vector<std::string> categories{};
    bool namespaced = true;
    bool has_status = false;
    bool is_custom = false;
    bool counts_generations = false;
    bool needs_revision = false;  // an update must name the resourceVersion it is made for
    std::vector<std::string> selectable{};  // field selectors beside metadata.name and .namespace
    std::vector<printer_column> columns{};
    std::shared_ptr<const schema> rules{};  // of this version; null for the server's own types
    json::object raw_schema{};

    [[nodiscard]] std::string api_version() const { return with_group(version); }
    [[nodiscard]] std::string stored_api_version() const { return with_group(storage_version); }
    [[nodiscard]] bool is_stored_as_is() const { return version == storage_version; }
    // What objects of it are stored under: versions do not matter there.
    [[nodiscard]] std::string key() const { return group + "/" + plural; }

  private:
    [[nodiscard]] std::string with_group(const std::string& of) const {
        return group.empty() ? of : group + "/" + of;
    }
};

using type_pointer = std::shared_ptr<const resource_type>;

class type_table {
  public:
    type_table();  // with the server's own types
    [[nodiscard]] type_pointer find(std::string_view group, std::string_view version,
                                    std::string_view plural) const;
    // The version that objects are stored in, by resource_type::key().
    [[nodiscard]] type_pointer stored(std::string_view key) const;
    // By group; versions of a group best first (v1, v2alpha1, v1alpha1); plurals in order.
    [[nodiscard]] const std::vector<type_pointer>& all() const noexcept { return types_; }
    // What is wrong with a CustomResourceDefinition; empty when it can be added.
    [[nodiscard]] static std::vector<cause> check_definition(const json::object& definition);
    // Adds or replaces what a definition that passed the check describes: its served versions.
    void add_definition(const json::object& definition);
    void remove_definition(const json::object& definition);

  private:
    void add(resource_type made);
    void sort();
    std::vector<type_pointer> types_;
};

}  // namespace apiserver
