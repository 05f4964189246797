#pragma once
// Who we are to the API server and whom we believe, kept up to date with the files that it came
// from: tokens, authorities and certificates are replaced while the platform runs. Owned by one
// client, on its loop; the files are small.

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "http/client.hpp"
#include "kube/kubeconfig.hpp"
#include "obs/log.hpp"

namespace kube {

class credentials_source {
  public:
    credentials_source(config settings, obs::log& log) : config_(std::move(settings)), log_(log) {}

    // Reads the files when the last look is a minute old, or at once after doubt(). What cannot be
    // read, or is no token, leaves all as it was and is logged. True: tls() has changed.
    bool refresh_if_due(base::steady_time now);
    // The API server did not accept us, or we not it: the files may be newer than what we know.
    void invalidate() { refreshed_at_.reset(); }

    // Grows with every change.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
    [[nodiscard]] const base::secret& token() const noexcept { return config_.token; }
    [[nodiscard]] http::client_tls tls() const;

  private:
    void refresh_token();
    bool refresh_tls();
    bool reload_file(const std::string& path, std::string& known);

    config config_;
    obs::log& log_;
    std::optional<base::steady_time> refreshed_at_;
    std::uint64_t version_ = 1;
};

// The text of a token file without the white space around it; nothing when that is no token (empty,
// or with characters that would end the header that carries it).
std::optional<base::secret> token_of(std::string_view text);

}  // namespace kube
