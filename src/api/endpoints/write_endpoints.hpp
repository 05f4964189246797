#pragma once
// Answers that need the platform: writes, and the two reads that are not cached. They hop to the
// control loop. Inside api only.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "api/handler.hpp"
#include "http/message.hpp"

namespace api {

class write_routes {
  public:
    explicit write_routes(api_context& shared) : shared_(shared) {}
    boost::asio::awaitable<http::response> answer(operation_id what, std::string parameter,
                                                  http::request incoming, app::caller by);

  private:
    boost::asio::awaitable<http::response> once(operation_id what, std::string parameter,
                                                const http::request& incoming, app::caller by);
    boost::asio::awaitable<http::response> write_database(operation_id what, std::string id,
                                                          const http::request& incoming,
                                                          app::write_conditions conditions,
                                                          app::caller by);
    boost::asio::awaitable<http::response> write_project(operation_id what, std::string name,
                                                         const http::request& incoming,
                                                         app::write_conditions conditions,
                                                         app::caller by);
    boost::asio::awaitable<http::response> history(std::string id, const http::request& incoming,
                                                   const app::caller& by);
    boost::asio::awaitable<http::response> credentials(std::string id, app::caller by);
    [[nodiscard]] http::response refuse(const base::failure& why, const app::caller& by) const;
    api_context& shared_;
};

// Whether an answer is kept for its Idempotency-Key: what a write did is told again. A refusal
// wrote nothing, and the next attempt may fare better.
bool is_worth_keeping(unsigned status, std::size_t bytes) noexcept;

}  // namespace api
