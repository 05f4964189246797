#pragma once
// The rules of each engine, one file per engine in scrape/engines/. Constant data, usable on every
// thread. engine_tables() in mapping.hpp lists which engine uses which rules.

#include <span>

#include "scrape/mapping.hpp"

namespace scrape {

std::span<const rule> postgres_rules() noexcept;
std::span<const rule> mysql_rules() noexcept;  // MariaDB too
std::span<const rule> redis_rules() noexcept;  // Valkey too
std::span<const rule> mongodb_rules() noexcept;
std::span<const rule> elasticsearch_rules() noexcept;  // OpenSearch too
copy_count elasticsearch_copies() noexcept;
std::span<const rule> memcached_rules() noexcept;

}  // namespace scrape
