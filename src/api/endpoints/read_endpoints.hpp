#pragma once
// Answers that come from the read model alone: no waiting, any HTTP loop. Inside api only.

#include <optional>
#include <string>

#include "api/handler.hpp"
#include "http/message.hpp"

namespace api {

class read_routes {
  public:
    explicit read_routes(api_context& shared) : shared_(shared) {}
    // Nothing: not a read, or one that needs the control loop (writing.hpp).
    std::optional<http::response> answer(operation_id what, const std::string& parameter,
                                         const http::request& incoming,
                                         const std::string& request_id);

  private:
    using documents_pointer = std::shared_ptr<const database_documents>;
    std::optional<http::response> of_database(operation_id what, const std::string& id,
                                              const http::request& incoming,
                                              const std::string& request_id);
    http::response metrics(const documents_pointer& documents, const http::request& incoming,
                           const std::string& request_id);
    http::response operations(const std::string& database_id, const http::request& incoming,
                              const std::string& request_id) const;
    http::response engines() const;
    http::response versions(const std::string& engine, const std::string& request_id) const;
    http::response readiness() const;
    http::response platform_metrics() const;
    api_context& shared_;
};

// 200 application/json.
http::response json_answer(http::body body, unsigned status = 200);

}  // namespace api
