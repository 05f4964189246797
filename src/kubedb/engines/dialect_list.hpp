#pragma once
// The dialect of each engine. To look one up, use engine_dialect.hpp.

#include "kubedb/engine_dialect.hpp"

namespace kubedb {

const engine_dialect& postgres_dialect() noexcept;
const engine_dialect& mysql_dialect() noexcept;
const engine_dialect& mariadb_dialect() noexcept;
const engine_dialect& mongodb_dialect() noexcept;
const engine_dialect& redis_dialect() noexcept;
const engine_dialect& elasticsearch_dialect() noexcept;
const engine_dialect& memcached_dialect() noexcept;

}  // namespace kubedb
