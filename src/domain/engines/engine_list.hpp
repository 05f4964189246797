#pragma once
// The rules of each engine. To look one up, use engines.hpp. Limits follow KubeDB's admission rules
// for kubedb.com/v1 and ops.kubedb.com/v1alpha1; engine_limits_test.cpp names the webhook of each.
// Pure.

#include <cstdint>

#include "domain/engines.hpp"

namespace domain {

inline constexpr std::int64_t mebi = std::int64_t(1) << 20;
inline constexpr std::int64_t gibi = std::int64_t(1) << 30;

const engine_rules& postgres_engine() noexcept;
const engine_rules& mysql_engine() noexcept;
const engine_rules& mariadb_engine() noexcept;
const engine_rules& mongodb_engine() noexcept;
const engine_rules& redis_engine() noexcept;
const engine_rules& elasticsearch_engine() noexcept;
const engine_rules& memcached_engine() noexcept;

}  // namespace domain
