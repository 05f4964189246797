#pragma once
// How an object looks to who asked: whole in the version asked for, its metadata only, or a row of
// a table (kubectl get). Pure.
// kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "devcluster/apiserver/resource_types.hpp"

namespace apiserver {

enum class shape : std::uint8_t { whole, metadata, table };

// The first representation of an Accept header that this server has; nothing: 406.
std::optional<shape> accepted_shape(std::string_view accept);

struct presentation {
    type_pointer type;
    shape as = shape::whole;
    // True when the stored text can be handed out as it is.
    [[nodiscard]] bool is_verbatim() const { return as == shape::whole && type->is_stored_as_is(); }
};

// Appends the object: whole, or its metadata (tables have rows of objects).
void append_object(std::string& into, const presentation& how, std::string_view stored);

// The content in the version of `type`: fields that this version does not know are dropped.
json::object in_version(const resource_type& type, json::object stored);

struct table_order {
    type_pointer type;
    std::string_view include_object;  // "None", "Object", otherwise metadata
    base::instant now;
    json::object list_metadata;
};
json::object to_table(const table_order& how, const std::vector<json::object>& objects);

}  // namespace apiserver
