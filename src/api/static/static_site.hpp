#pragma once
// The pages below /docs: Swagger UI if the build has it, and a plain page without scripts. Created
// once, read by all HTTP loops. Inside api only.

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
    // `description` is the OpenAPI document.
    static_site(std::string_view description, std::span<const static_file> files);
    // /docs: returns the viewer, or the plain page if there is no viewer.
    http::response page(const http::request& request) const;
    // /docs/NAME: returns a file of the viewer, or the plain page for "plain". Nothing if there is
    // no such file.
    std::optional<http::response> file(std::string_view name, const http::request& request) const;

  private:
    // Bytes are created on first request, because few processes serve these pages.
    struct cached_file {
        const static_file* file;
        std::once_flag once_compressed{};
        std::once_flag once_plain{};
        std::shared_ptr<const std::string> compressed{};  // shared with responses in flight
        std::shared_ptr<const std::string> plain{};       // shared with responses in flight
    };
    http::response plain_page() const;
    static http::response respond(cached_file& cached, bool is_page, const http::request& request);

    std::shared_ptr<const std::string> plain_page_;  // shared with responses in flight
    mutable std::deque<cached_file> files_;
};

}  // namespace api
