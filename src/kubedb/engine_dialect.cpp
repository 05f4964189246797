#include "kubedb/engine_dialect.hpp"

#include <algorithm>
#include <array>

#include "kubedb/engines/dialect_list.hpp"

namespace kubedb {
namespace {

template <class Property>
const engine_dialect* dialect_with(Property property, std::string_view value) noexcept {
    const auto all = all_dialects();
    const auto it = std::ranges::find_if(
        all, [&](const engine_dialect* dialect) { return dialect->kind().*property == value; });
    return it == all.end() ? nullptr : *it;
}

}  // namespace

std::span<const engine_dialect* const> all_dialects() noexcept {
    static const std::array dialects{
        &postgres_dialect(), &mysql_dialect(),         &mariadb_dialect(),   &mongodb_dialect(),
        &redis_dialect(),    &elasticsearch_dialect(), &memcached_dialect(),
    };
    return dialects;
}

const engine_dialect* find_dialect(std::string_view engine) noexcept {
    return dialect_with(&engine_kind::engine, engine);
}

const engine_dialect* dialect_of_plural(std::string_view plural) noexcept {
    return dialect_with(&engine_kind::plural, plural);
}

}  // namespace kubedb
