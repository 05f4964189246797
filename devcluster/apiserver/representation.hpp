#pragma once
// Representations of an object: whole in the requested version, metadata only, or a row of a table
// (kubectl get). Pure.
// kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/resource_types.hpp"
#include "http/message.hpp"

namespace apiserver {

enum class object_format : std::uint8_t { whole, metadata, table };

// The first supported format of an Accept header; nullopt if there is none (406).
std::optional<object_format> accepted_format(std::string_view accept);

struct representation {
    type_pointer type;
    object_format format = object_format::whole;
    // True if the stored text needs no conversion.
    [[nodiscard]] bool is_verbatim() const {
        return format == object_format::whole && type->is_stored_as_is();
    }
};

// Appends the object: whole, or its metadata. Tables are built by to_table().
void append_object(std::string& out, const representation& form, std::string_view stored);

// A response with the whole object; each warning becomes a Warning header.
http::response object_response(const type_pointer& type, unsigned status,
                               const stored_object& object,
                               const std::vector<std::string>& warnings = {});

// Converts the content to the version of `type`: drops fields that the version does not define.
json::object in_version(const resource_type& type, json::object stored);

struct table_options {
    type_pointer type;
    std::string_view include_object;  // "None", "Object", otherwise metadata
    base::instant now;
    json::object list_metadata;
};
json::object to_table(const table_options& options, const std::vector<json::object>& objects);

}  // namespace apiserver
