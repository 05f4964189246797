#pragma once
// Reads of the API server: one object, lists in pages and of older revisions, and the start of a
// watch. Belongs to the thread of the object store.

#include <expected>
#include <optional>
#include <random>
#include <variant>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/representation.hpp"
#include "devcluster/apiserver/request_info.hpp"
#include "devcluster/apiserver/status_response.hpp"
#include "devcluster/apiserver/watch.hpp"

namespace apiserver {

class object_reads {
  public:
    object_reads(const object_store& objects, const base::clock& clock)
        : objects_(objects), clock_(clock) {}

    [[nodiscard]] http::response get(const request_info& info, object_format format) const;
    [[nodiscard]] http::response list(const request_info& info, object_format format) const;
    std::variant<watch_request, status_error> watch(const request_info& info, object_format format);

  private:
    struct list_range {
        object_store::range range;
        std::uint64_t limit = 0;  // 0: all
    };
    [[nodiscard]] std::expected<list_range, status_error> read_range(
        const request_info& info) const;

    const object_store& objects_;
    const base::clock& clock_;
    std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace apiserver
