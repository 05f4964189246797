#pragma once
// The Kubernetes API as a function from a request to a response over an object_store. Dispatches to
// discovery, object_reads, object_writes and object_deletes. Has no network, threads or waiting:
// for watches and the service proxy it returns what the caller (request_handler) must serve.
// Belongs to one thread. kubernetes.io/docs/reference/using-api/api-concepts

#include <random>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "devcluster/apiserver/garbage_collector.hpp"
#include "devcluster/apiserver/object_deletes.hpp"
#include "devcluster/apiserver/object_reads.hpp"
#include "devcluster/apiserver/object_writes.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/request_info.hpp"
#include "devcluster/apiserver/resource_types.hpp"
#include "devcluster/apiserver/service_proxy.hpp"
#include "devcluster/apiserver/watch.hpp"
#include "http/message.hpp"

namespace apiserver {

using api_result = std::variant<http::response, watch_request, proxy_target>;

class api_core {
  public:
    // Adds the stored definitions to `types` and resumes deletions that an earlier process began.
    api_core(object_store& objects, type_table& types, const base::clock& clock);

    // Errors: invalid (the target cannot be decoded).
    [[nodiscard]] base::outcome<request_info> understand(const http::request& incoming) const {
        return parse_request(types_, incoming);
    }
    api_result respond(const request_info& info, const http::request& incoming);
    // understand(), then respond().
    api_result handle(const http::request& incoming);
    // Creates an object on behalf of the program; see object_writes::ensure().
    base::outcome<void> ensure(std::string_view api_version, std::string_view plural,
                               json::object content, when_present policy = when_present::keep) {
        return writes_.ensure(api_version, plural, std::move(content), policy);
    }

  private:
    write_result write(const request_info& info, const http::request& incoming);

    object_store& objects_;
    type_table& types_;
    garbage_collector collector_;
    object_reads reads_;
    object_writes writes_;
    object_deletes deletes_;
    std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace apiserver
