#pragma once
// Writes of the API server: create, update, patch, with Kubernetes' defaults and checks. Belongs to
// the thread of the object store.

#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "devcluster/apiserver/garbage_collector.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/request_info.hpp"
#include "devcluster/apiserver/resource_types.hpp"
#include "devcluster/apiserver/status_response.hpp"

namespace apiserver {

enum class when_present : std::uint8_t { keep, replace };

class object_writes {
  public:
    object_writes(const object_store& objects, const type_table& types,
                  garbage_collector& collector, const base::clock& clock)
        : objects_(objects), types_(types), collector_(collector), clock_(clock) {}

    write_result create(const request_info& info, const http::request& incoming);
    write_result update(const request_info& info, const http::request& incoming);
    write_result patch(const request_info& info, const http::request& incoming);
    // Creates an object on behalf of the program. A present object is kept, or with `replace` gets
    // the new spec if it differs. Errors: invalid (an unknown type), the journal's.
    base::outcome<void> ensure(std::string_view api_version, std::string_view plural,
                               json::object content, when_present policy);

  private:
    write_result write(const request_info& info, const object_pointer& present,
                       json::object wanted);
    [[nodiscard]] std::optional<status_error> check_namespace(const request_info& info) const;
    void complete_new(const request_info& info, json::object& object);
    std::string new_uid();

    const object_store& objects_;
    const type_table& types_;
    garbage_collector& collector_;
    const base::clock& clock_;
    std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace apiserver
