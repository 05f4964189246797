#include "test/support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cassert>
#include <utility>

namespace fakes {
namespace {

constexpr long day = 24L * 60 * 60;

template <auto Free>
struct openssl_deleter {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using key_ptr = std::unique_ptr<EVP_PKEY, openssl_deleter<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, openssl_deleter<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, openssl_deleter<X509_EXTENSION_free>>;
using bio_ptr = std::unique_ptr<BIO, openssl_deleter<BIO_free_all>>;

void must(bool succeeded) {
    assert(succeeded && "OpenSSL call failed");
    (void)succeeded;
}

std::string text_of(const bio_ptr& bio) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string pem_of(X509& certificate) {
    const bio_ptr bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_X509(bio.get(), &certificate) == 1);
    return text_of(bio);
}

std::string pem_of(EVP_PKEY& key, const std::string& password) {
    const bio_ptr bio(BIO_new(BIO_s_mem()));
    const auto* cipher = password.empty() ? nullptr : EVP_aes_128_cbc();
    must(PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, cipher, password.data(),
                                       static_cast<int>(password.size()), nullptr, nullptr) == 1);
    return text_of(bio);
}

void add_extension(X509& certificate, X509& issuer, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
    const extension_ptr extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
    must(extension != nullptr);
    must(X509_add_ext(&certificate, extension.get(), -1) == 1);
}

certificate_ptr blank(const std::string& name, EVP_PKEY& key, bool has_expired) {
    static std::atomic<long> serial{1};
    certificate_ptr certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -2 * day);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), has_expired ? -day : day);
    const auto* bytes = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, bytes,
                               -1, -1, 0);
    must(X509_set_pubkey(certificate.get(), &key) == 1);
    return certificate;
}

std::string alternative_names(const std::vector<std::string>& hosts) {
    std::string text;
    for (const auto& host : hosts) {
        const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos ||
                                host.find(':') != std::string::npos;
        if (!text.empty()) text += ',';
        text += (is_address ? "IP:" : "DNS:") + host;
    }
    return text;
}

}  // namespace

struct certificate_authority::state {
    key_ptr key{EVP_EC_gen("P-256")};
    certificate_ptr certificate;
};

certificate_authority::certificate_authority(std::string name) : state_(std::make_unique<state>()) {
    auto& own = *state_;
    own.certificate = blank(name, *own.key, false);
    X509_set_issuer_name(own.certificate.get(), X509_get_subject_name(own.certificate.get()));
    add_extension(*own.certificate, *own.certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(*own.certificate, *own.certificate, NID_subject_key_identifier, "hash");
    must(X509_sign(own.certificate.get(), own.key.get(), EVP_sha256()) > 0);
}

certificate_authority::~certificate_authority() = default;

std::string certificate_authority::pem() const {
    return pem_of(*state_->certificate);
}

credentials_pem certificate_authority::issue(const certificate_request& request) const {
    constexpr std::size_t rsa_bits = 2048;
    const key_ptr key(request.has_rsa_key ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256"));
    const auto certificate = blank(request.common_name, *key, request.has_expired);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(state_->certificate.get()));
    add_extension(*certificate, *state_->certificate, NID_basic_constraints, "CA:FALSE");
    add_extension(*certificate, *state_->certificate, NID_authority_key_identifier, "keyid");
    if (!request.hosts.empty()) {
        add_extension(*certificate, *state_->certificate, NID_subject_alt_name,
                      alternative_names(request.hosts));
    }
    must(X509_sign(certificate.get(), state_->key.get(), EVP_sha256()) > 0);
    return {.certificate = pem_of(*certificate), .private_key = pem_of(*key, request.key_password)};
}

}  // namespace fakes
