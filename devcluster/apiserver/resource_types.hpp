#pragma once
// The resource types of the API server: built-in types and CustomResourceDefinitions. Types are
// immutable. A changed definition creates a new type; holders of the previous type keep it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devcluster/apiserver/schema.hpp"
#include "json/json.hpp"

namespace apiserver {

inline const std::string namespaces_key = "/namespaces";
inline const std::string definitions_key = "apiextensions.k8s.io/customresourcedefinitions";

// An entry of additionalPrinterColumns.
struct printer_column {
    std::string name;
    std::string type;  // "string", "integer", "date", ...
    std::string path;  // ".status.phase"
};

struct resource_type {
    std::string group;  // "" = core
    std::string version;
    std::string storage_version;  // the version that objects are stored in
    std::string plural;
    std::string kind;
    std::vector<std::string> short_names{};
    std::vector<std::string> categories{};
    bool namespaced = true;
    bool has_status = false;
    bool is_custom = false;
    bool counts_generations = false;
    bool needs_revision = false;  // an update must contain the resourceVersion
    std::vector<std::string>
        selectable{};  // field selectors in addition to metadata.name and .namespace
    std::vector<printer_column> columns{};
    std::shared_ptr<const schema> rules{};  // of this version; null for built-in types
    json::object raw_schema{};

    [[nodiscard]] std::string api_version() const { return with_group(version); }
    [[nodiscard]] std::string stored_api_version() const { return with_group(storage_version); }
    [[nodiscard]] bool is_stored_as_is() const { return version == storage_version; }
    // The key that objects are stored under. It is independent of the version.
    [[nodiscard]] std::string key() const { return group + "/" + plural; }

  private:
    [[nodiscard]] std::string with_group(const std::string& api_version_part) const {
        return group.empty() ? api_version_part : group + "/" + api_version_part;
    }
};

using type_pointer = std::shared_ptr<const resource_type>;

class type_table {
  public:
    type_table();  // with the built-in types
    [[nodiscard]] type_pointer find(std::string_view group, std::string_view version,
                                    std::string_view plural) const;
    // The version that objects are stored in, by resource_type::key().
    [[nodiscard]] type_pointer stored(std::string_view key) const;
    // Sorted by group, then version with the preferred one first (v1, v2alpha1, v1alpha1), then
    // plural.
    [[nodiscard]] const std::vector<type_pointer>& all() const noexcept { return types_; }
    // Returns the errors of a CustomResourceDefinition; empty if it can be added.
    [[nodiscard]] static std::vector<cause> check_definition(const json::object& definition);
    // Adds or replaces the served versions of a definition. The definition must pass the check.
    void add_definition(const json::object& definition);
    void remove_definition(const json::object& definition);

  private:
    void add(resource_type type);
    void sort();
    std::vector<type_pointer> types_;
};

}  // namespace apiserver
