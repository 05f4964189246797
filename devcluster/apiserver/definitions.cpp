#include "devcluster/apiserver/definitions.hpp"

#include <cassert>

namespace apiserver {

std::vector<json::object> kubedb_definitions() {
    std::vector<json::object> definitions;
    for (const auto text : embedded_definitions()) {
        auto read = read_definition(text);
        assert(read && "a file of devcluster/crds is not JSON");
        definitions.push_back(std::move(*read));
    }
    return definitions;
}

base::outcome<json::object> read_definition(std::string_view text) {
    boost::system::error_code error;
    auto parsed = json::parse(text, error);
    if (error || !parsed.is_object()) {
        return base::fail(base::errc::invalid, "a resource definition is not a JSON object");
    }
    const auto* kind = parsed.get_object().if_contains("kind");
    if (kind == nullptr || *kind != "CustomResourceDefinition") {
        return base::fail(base::errc::invalid, "not a CustomResourceDefinition");
    }
    return std::move(parsed.get_object());
}

}  // namespace apiserver
