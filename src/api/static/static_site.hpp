#pragma once
// The pages below /docs: Swagger UI where the build has it, and a plain page that needs neither
// scripts nor the viewer. Made once, read by all HTTP loops. Inside api only.

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/static/static_file.hpp"
#include "http/message.hpp"

namespace api {

class static_site {
  public:
    // The description is an OpenAPI document, as openapi_document() makes it.
    static_site(std::string_view description, std::span<const static_file> files);
    // /docs: the viewer, else the plain page.
    http::response page(const http::request& incoming) const;
    // /docs/NAME: a file of the viewer, or "plain". Nothing: there is no such file.
    std::optional<http::response> file(std::string_view name, const http::request& incoming) const;

  private:
    // Bytes are made when they are first asked for: most processes never show their pages.
    struct held_file {
        const static_file* what;
        std::once_flag once_packed{};
        std::once_flag once_plain{};
        std::shared_ptr<const std::string> packed{};  // shared with answers that are being sent
        std::shared_ptr<const std::string> plain{};   // as above
    };
    http::response plain_page() const;
    static http::response answer(held_file& from, bool is_page, const http::request& incoming);

    std::shared_ptr<const std::string> plain_page_;  // shared with answers that are being sent
    mutable std::deque<held_file> files_;
};

}  // namespace api
