#pragma once
// labelSelector and fieldSelector of list and watch. Pure.
// kubernetes.io/docs/concepts/overview/working-with-objects/labels

#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "devcluster/apiserver/objects.hpp"

namespace apiserver {

class selector {
  public:
    // `selectable` are the fields of the type in addition to metadata.name and metadata.namespace.
    // Errors: invalid (the response is 400).
    static base::outcome<selector> parse(std::string_view labels, std::string_view fields,
                                         const std::vector<std::string>& selectable = {});
    [[nodiscard]] bool matches(const object_key& key, const stored_object& object) const;
    [[nodiscard]] bool matches_all() const noexcept { return terms_.empty(); }

  private:
    enum class relation { equal, not_equal, in, not_in, exists, absent };
    struct term {
        std::string path;  // the path of a field, or a label key
        relation is = relation::equal;
        std::vector<std::string> values{};
        bool is_field = false;
    };
    static base::outcome<term> parse_label(std::string_view part);
    [[nodiscard]] static bool holds(const term& each, const std::string* value);
    std::vector<term> terms_;
    bool reads_content_ = false;
};

}  // namespace apiserver
