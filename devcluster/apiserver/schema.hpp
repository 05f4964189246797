#pragma once
// Structural schemas of CustomResourceDefinitions, compiled once. They set defaults, prune unknown
// fields, and check types, enums, bounds, patterns and required fields with Kubernetes' messages.
// Pure. kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "devcluster/apiserver/status_response.hpp"
#include "json/json.hpp"

namespace apiserver {

class schema {
  public:
    // Ignores unsupported rules (CEL, oneOf).
    explicit schema(const json::object& source);

    void set_defaults(json::value& value) const;
    // Removes fields that the schema does not define. Returns their paths ("spec.noSuchField").
    std::vector<std::string> prune(json::value& value, const std::string& path = {}) const;
    [[nodiscard]] std::vector<cause> validate(const json::value& value,
                                              const std::string& path = {}) const;

  private:
    [[nodiscard]] const schema* rules_for(std::string_view member) const;
    [[nodiscard]] bool fits_type(const json::value& value) const;
    void check_text(std::string_view text, const std::string& path,
                    std::vector<cause>& causes) const;
    void check_number(const json::value& value, const std::string& path,
                      std::vector<cause>& causes) const;
    void check_sizes(const json::value& value, const std::string& path,
                     std::vector<cause>& causes) const;
    void check_members(const json::object& object, const std::string& path,
                       std::vector<cause>& causes) const;
    void read_bounds(const json::object& source);

    std::string type_;  // "" = any
    std::string format_;
    bool int_or_string_ = false;
    bool nullable_ = false;
    bool keeps_unknown_ = false;
    std::optional<json::value> default_;
    json::array enum_;
    std::optional<double> minimum_, maximum_;
    std::optional<std::uint64_t> size_min_, size_max_;  // of text, array or object
    std::string pattern_text_;
    std::shared_ptr<const std::regex> pattern_;
    std::vector<std::string> required_;
    std::map<std::string, std::unique_ptr<schema>, std::less<>> properties_;
    std::unique_ptr<schema> others_;  // additionalProperties
    std::unique_ptr<schema> items_;
};

}  // namespace apiserver
