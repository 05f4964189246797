#include "http/certificate_dates.hpp"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <memory>
#include <optional>

namespace http {
namespace {

using bio_owner = std::unique_ptr<BIO, decltype(&BIO_free)>;
using certificate_owner = std::unique_ptr<X509, decltype(&X509_free)>;

std::optional<base::instant> instant_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return base::instant(std::chrono::seconds(timegm(&parts)));
}

std::string common_name_of(X509* certificate) {
    std::array<char, 256> name{};
    const auto length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                                                  NID_commonName, name.data(), int{name.size()});
    return length < 0 ? std::string() : std::string(name.data());
}

}  // namespace

base::outcome<std::vector<certificate_dates>> read_certificates(std::string_view pem) {
    const auto fail = [](const char* text) { return base::fail(base::errc::invalid, text); };
    if (!pem.contains("-----BEGIN CERTIFICATE-----")) return fail("the text has no certificate");
    const bio_owner source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
    std::vector<certificate_dates> result;
    while (true) {
        const certificate_owner certificate(
            PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr), &X509_free);
        if (certificate == nullptr) break;
        const auto since = instant_of(X509_get0_notBefore(certificate.get()));
        const auto expiry = instant_of(X509_get0_notAfter(certificate.get()));
        if (!since || !expiry) return fail("a certificate has no valid dates");
        result.push_back({.subject = common_name_of(certificate.get()),
                          .valid_since = *since,
                          .expires_at = *expiry});
    }
    const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (result.empty() || !is_at_end) return fail("a certificate does not parse");
    return result;
}

}  // namespace http
