#pragma once
// labelSelector and fieldSelector of list and watch. Pure.
// kubernetes.io/docs/concepts/overview/working-with-objects/labels

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace apiserver {

class selector {
  public:
    // Failure: invalid (Kubernetes answers 400). Fields: metadata.name, metadata.namespace, and
    // involvedObject.* of events.
    static base::outcome<selector> parse(std::string_view labels, std::string_view fields);
    [[nodiscard]] bool matches(const boost::json::object& object) const;
    [[nodiscard]] bool matches_all() const noexcept { return terms_.empty(); }

  private:
    enum class relation { equal, not_equal, in, not_in, exists, absent };
    struct term {
        std::string path;  // of a field; a label key otherwise
        relation is = relation::equal;
        std::vector<std::string> values{};
        bool is_field = false;
    };
    std::vector<term> terms_;
};

}  // namespace apiserver
