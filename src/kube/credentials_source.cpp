#include "kube/credentials_source.hpp"

#include <algorithm>
#include <utility>

#include "base/read_file.hpp"

namespace kube {
namespace {

// Kubernetes' own clients look once a minute; the kubelet renews a token long before its end.
constexpr std::chrono::seconds refresh_interval{60};

bool is_same_tls(const config& left, const config& right) {
    return left.ca_pem == right.ca_pem &&
           left.client_certificate_pem == right.client_certificate_pem &&
           left.client_key_pem == right.client_key_pem &&
           left.tls_server_name == right.tls_server_name &&
           left.insecure_skip_verify == right.insecure_skip_verify;
}

}  // namespace

std::optional<base::secret> token_of(std::string_view text) {
    constexpr std::string_view white = " \t\r\n";
    const auto begin = text.find_first_not_of(white);
    if (begin == std::string_view::npos) return std::nullopt;
    text = text.substr(begin, text.find_last_not_of(white) - begin + 1);
    if (!std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; })) {
        return std::nullopt;
    }
    return base::secret(std::string(text));
}

bool credentials_source::refresh_if_due(base::steady_time now) {
    if (refreshed_at_ && now - *refreshed_at_ <= refresh_interval) return false;
    refreshed_at_ = now;
    // A reload reads the files that the kubeconfig names, too.
    if (std::exchange(must_reload_, false) && !config_.kubeconfigs.empty()) {
        return reload_kubeconfig();
    }
    refresh_token();
    const bool has_new_tls = refresh_tls();
    if (has_new_tls) ++version_;
    return has_new_tls;
}

bool credentials_source::reload_kubeconfig() {
    auto loaded = load_kubeconfigs(config_.kubeconfigs, config_.context);
    if (!loaded) {
        log_.warning("kubernetes_identity_unreadable", {{"detail", loaded.error().text}});
        last_reload_ = base::pass(std::move(loaded));
        return false;
    }
    last_reload_ = base::ok();
    const auto previous = std::exchange(config_, std::move(*loaded));
    const bool has_new_tls = !is_same_tls(config_, previous);
    const bool has_new_server = config_.server != previous.server;
    const bool has_new_token = config_.token != previous.token;
    if (!has_new_tls && !has_new_server && !has_new_token) return false;
    ++version_;
    log_.info("kubernetes_identity_changed", {{"context", config_.context},
                                              {"server", has_new_server},
                                              {"tls", has_new_tls},
                                              {"token", has_new_token}});
    return has_new_tls;
}

void credentials_source::refresh_token() {
    if (config_.token_file.empty()) return;
    const auto text = base::read_file(config_.token_file);
    auto token = text ? token_of(*text) : std::nullopt;
    if (token && *token != config_.token) {
        config_.token = std::move(*token);
        ++version_;
    } else if (!token) {
        log_.warning("kubernetes_identity_unreadable", {{"path", config_.token_file}});
    }
}

// True: it is there and other than what was known.
bool credentials_source::reload_file(const std::string& path, std::string& known) {
    if (path.empty()) return false;
    auto text = base::read_file(path);
    if (!text || text->empty()) {
        log_.warning("kubernetes_identity_unreadable", {{"path", path}});
        return false;
    }
    if (*text == known) return false;
    known = std::move(*text);
    return true;
}

bool credentials_source::refresh_tls() {
    bool has_changed = reload_file(config_.ca_file, config_.ca_pem);
    has_changed |= reload_file(config_.client_certificate_file, config_.client_certificate_pem);
    auto key = config_.client_key_pem.reveal();
    if (reload_file(config_.client_key_file, key)) {
        config_.client_key_pem = base::secret(std::move(key));
        has_changed = true;
    }
    return has_changed;
}

http::client_tls credentials_source::tls() const {
    return {.ca_pem = config_.ca_pem,
            .certificate_pem = config_.client_certificate_pem,
            .private_key_pem = config_.client_key_pem,
            .server_name = config_.tls_server_name,
            .verify = !config_.insecure_skip_verify};
}

}  // namespace kube
