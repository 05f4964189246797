#pragma once
// The syntax of names and labels. Pure.

#include <array>
#include <cstddef>
#include <string_view>

namespace domain {

inline constexpr std::size_t name_length_max = 40;
// KubeDB names the parts of a database after it, with one of these endings. A database with such a
// name would conflict with them.
inline constexpr std::array<std::string_view, 8> reserved_endings{
    "-auth", "-pods", "-standby", "-stats", "-sentinel", "-master", "-dashboard", "-secondary"};

// Returns whether `name` is an RFC 1035 label of at most name_length_max characters without a
// reserved ending.
bool is_valid_name(std::string_view name) noexcept;
// Returns whether `text` is valid as a label value or as the name in a label key, as in Kubernetes:
// up to 63 letters, digits, '-', '_', '.'.
bool is_label_word(std::string_view text) noexcept;
// The message of a field that must be such a word.
inline constexpr const char* label_word_message =
    "must have 1 to 63 letters, digits, '-', '_' or '.', and begin and end with a letter or digit";
// Label domains of the platform, Kubernetes and KubeDB.
inline constexpr std::array<std::string_view, 4> reserved_label_domains{
    "kubedb-dbaas.io", "kubernetes.io", "k8s.io", "kubedb.com"};
// Returns the reserved domain of a label key, or "" if the key belongs to the user.
std::string_view reserved_domain_of(std::string_view label_key) noexcept;
// Returns whether `text` is an RFC 1123 subdomain, as the prefix of a label key must be.
bool is_dns_subdomain(std::string_view text) noexcept;
inline constexpr std::string_view service_account_prefix = "system:serviceaccount:";
// Returns whether `text` is "system:serviceaccount:NAMESPACE:NAME", as Kubernetes names the user of
// a service account.
bool is_service_account(std::string_view text) noexcept;
// Returns the length in UTF-8 code points. An invalid byte counts as one.
std::size_t length_of(std::string_view text) noexcept;

}  // namespace domain
