#pragma once
// What names and labels may look like. Pure.

#include <array>
#include <cstddef>
#include <string_view>

namespace domain {

inline constexpr std::size_t name_length_max = 40;
// Parts of a database carry its name with one of these endings; a database of that name would clash
// with them.
inline constexpr std::array<std::string_view, 8> reserved_endings{
    "-auth", "-pods", "-standby", "-stats", "-sentinel", "-master", "-dashboard", "-secondary"};

// RFC 1035 label of at most name_length_max characters, without endings that the platform uses for
// parts of a database.
bool is_valid_name(std::string_view name) noexcept;
// A label's value, or the name of its key: Kubernetes' rule (up to 63 letters, digits, "-_.").
bool is_label_word(std::string_view text) noexcept;
// Of labels that are ours, Kubernetes' or KubeDB's.
inline constexpr std::array<std::string_view, 4> reserved_label_domains{
    "kubedb-dbaas.io", "kubernetes.io", "k8s.io", "kubedb.com"};
// The one that a label's key belongs to; empty: it is the user's.
std::string_view reserved_domain_of(std::string_view label_key) noexcept;
// RFC 1123 subdomain: the prefix of a label's key.
bool is_dns_subdomain(std::string_view text) noexcept;
// In characters: code points of UTF-8; a byte that is none counts for one.
std::size_t length_of(std::string_view text) noexcept;

}  // namespace domain
