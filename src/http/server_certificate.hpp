#pragma once
// The certificate that a server presents. Its files may be replaced at run time. Internal to http.
// Any thread.

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <mutex>

#include "base/atomic_shared_ptr.hpp"
#include "base/failure.hpp"
#include "base/secret.hpp"
#include "http/server.hpp"

namespace http::detail {

class server_certificate {
  public:
    explicit server_certificate(tls_files files) : files_(std::move(files)) {}

    // Reads the files. Returns whether their content is new and in use for new connections. Errors:
    // invalid (the text names the file); the previous content stays in use.
    base::outcome<bool> load();
    // Connections keep the context that they started with.
    [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> context() const noexcept {
        return context_.load();
    }

  private:
    tls_files files_;
    std::mutex mutex_;           // of one load() at a time
    base::secret content_used_;  // of all files
    base::atomic_shared_ptr<boost::asio::ssl::context> context_;
};

}  // namespace http::detail
