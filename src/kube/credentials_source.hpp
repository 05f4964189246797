#pragma once
// The address of the server, the credentials and the CA bundle of the client. Refreshes them from
// their files, because tokens, CA bundles and certificates rotate at run time. Reads the kubeconfig
// itself again after a rejection, for example after "oc login" or a restart of k3s. Owned by one
// client, on its loop.

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

    // Reads the files if the last refresh is older than a minute, or after invalidate(). After
    // invalidate() also reads the kubeconfig, for the context of the start: the current-context may
    // name another cluster now. Logs an unreadable file or an invalid token and keeps the previous
    // value. Returns true if tls() changed.
    bool refresh_if_due(base::steady_time now);
    // Forces the next refresh. Called after a 401, a TLS trust failure or a failed connection.
    void invalidate() {
        refreshed_at_.reset();
        must_reload_ = true;
    }

    // Increases with every change.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
    // Returns the result of the last read of the kubeconfig.
    [[nodiscard]] const base::outcome<void>& last_reload() const noexcept { return last_reload_; }
    [[nodiscard]] const http::url& server() const noexcept { return config_.server; }
    [[nodiscard]] const base::secret& token() const noexcept { return config_.token; }
    [[nodiscard]] http::client_tls tls() const;

  private:
    bool reload_kubeconfig();
    void refresh_token();
    bool refresh_tls();
    bool reload_file(const std::string& path, std::string& known);

    config config_;
    obs::log& log_;
    std::optional<base::steady_time> refreshed_at_;
    bool must_reload_ = false;
    base::outcome<void> last_reload_{};
    std::uint64_t version_ = 1;
};

// Returns the trimmed text of a token file. Returns nullopt if it is empty or has characters that
// are invalid in a header.
std::optional<base::secret> token_of(std::string_view text);

}  // namespace kube
