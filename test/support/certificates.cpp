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
struct freed_by {
    template <class T>
    void operator()(T* held) const {
        Free(held);
    }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;

void must(bool done) {
    assert(done && "OpenSSL refused");
    (void)done;
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

void add_extension(X509& to, X509& issuer, int which, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, &issuer, &to, nullptr, nullptr, 0);
    const extension_ptr made(X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()));
    must(made != nullptr);
    must(X509_add_ext(&to, made.get(), -1) == 1);
}

certificate_ptr blank(const std::string& name, EVP_PKEY& key, bool has_expired) {
    static std::atomic<long> serial{1};
    certificate_ptr made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -2 * day);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), has_expired ? -day : day);
    const auto* bytes = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, bytes, -1,
                               -1, 0);
    must(X509_set_pubkey(made.get(), &key) == 1);
    return made;
}

std::string alternative_names(const std::vector<std::string>& hosts) {
    std::string text;
    for (const auto& each : hosts) {
        const bool is_address = each.find_first_not_of("0123456789.") == std::string::npos ||
                                each.find(':') != std::string::npos;
        if (!text.empty()) text += ',';
        text += (is_address ? "IP:" : "DNS:") + each;
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

credentials_pem certificate_authority::issue(const certificate_wish& wish) const {
    const key_ptr key(EVP_EC_gen("P-256"));
    const auto made = blank(wish.common_name, *key, wish.has_expired);
    X509_set_issuer_name(made.get(), X509_get_subject_name(state_->certificate.get()));
    add_extension(*made, *state_->certificate, NID_basic_constraints, "CA:FALSE");
    add_extension(*made, *state_->certificate, NID_authority_key_identifier, "keyid");
    if (!wish.hosts.empty()) {
        add_extension(*made, *state_->certificate, NID_subject_alt_name,
                      alternative_names(wish.hosts));
    }
    must(X509_sign(made.get(), state_->key.get(), EVP_sha256()) > 0);
    return {.certificate = pem_of(*made), .private_key = pem_of(*key, wish.key_password)};
}

}  // namespace fakes
