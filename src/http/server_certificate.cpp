#include "http/server_certificate.hpp"

#include <fmt/format.h>

#include "base/read_file.hpp"
#include "http/private_key.hpp"

namespace http::detail {
namespace {

namespace ssl = boost::asio::ssl;
using base::errc;
using boost::system::error_code;

struct pem_files {
    std::string certificate_chain;
    std::string private_key;
    std::string client_ca;
};

base::outcome<std::string> read_file(std::string_view role, const std::string& path) {
    auto text = base::read_file(path);
    if (!text || text->empty()) {
        return base::fail(errc::invalid, fmt::format("{} '{}' cannot be read", role, path));
    }
    return std::move(*text);
}

base::outcome<pem_files> read_files(const tls_files& files) {
    auto chain = read_file("certificate", files.certificate_chain);
    if (!chain) return base::pass(std::move(chain));
    auto key = read_file("private key", files.private_key);
    if (!key) return base::pass(std::move(key));
    pem_files content{.certificate_chain = std::move(*chain), .private_key = std::move(*key)};
    if (files.client_ca.empty()) return content;
    auto client_ca = read_file("client CA", files.client_ca);
    if (!client_ca) return base::pass(std::move(client_ca));
    content.client_ca = std::move(*client_ca);
    return content;
}

base::outcome<std::shared_ptr<ssl::context>> make_context(const pem_files& content,
                                                          const tls_files& files) {
    const auto unusable = [](std::string_view role, const std::string& path,
                             const error_code& error) {
        return base::fail(errc::invalid, fmt::format("{} '{}': {}", role, path, error.message()));
    };
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    error_code error;
    context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                             ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                             ssl::context::no_tlsv1_1,
                         error);
    // OpenSSL would ask the terminal for the password of an encrypted key.
    context->set_password_callback(
        [](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
    context->use_certificate_chain(boost::asio::buffer(content.certificate_chain), error);
    if (error) return unusable("certificate", files.certificate_chain, error);
    error = use_private_key(*context, content.private_key);
    if (error) return unusable("private key", files.private_key, error);
    if (files.client_ca.empty()) return context;
    context->add_certificate_authority(boost::asio::buffer(content.client_ca), error);
    if (error) return unusable("client CA", files.client_ca, error);
    context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
    return context;
}

}  // namespace

base::outcome<bool> server_certificate::load() {
    const std::lock_guard lock(mutex_);
    auto content = read_files(files_);
    if (!content) return base::pass(std::move(content));
    base::secret all(content->certificate_chain + '\0' + content->private_key + '\0' +
                     content->client_ca);
    if (context_.load() != nullptr && all == content_used_) return false;
    auto context = make_context(*content, files_);
    if (!context) return base::pass(std::move(context));
    context_.store(std::move(*context));
    content_used_ = std::move(all);
    return true;
}

}  // namespace http::detail
