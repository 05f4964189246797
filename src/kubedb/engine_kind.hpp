#pragma once
// The KubeDB names of one engine, as data. The rules of an engine are in domain/engines.hpp, the
// form of its spec in engine_dialect.hpp. Names: KubeDB's API (kubedb.com/v1,
// ops.kubedb.com/v1alpha1, catalog.kubedb.com).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ascii.hpp"

namespace kubedb {

// An object that a database names and that must exist (dependent_object.hpp). The number and the
// size of its members are in domain/engines.hpp.
struct dependent_kind {
    std::string_view kind;    // "RedisSentinel"; empty: the engine needs none
    std::string_view plural;  // "redissentinels"
    std::string_view suffix;  // its name is the database's name and this suffix
    std::string_view container;
};

struct engine_kind {
    std::string_view engine;  // "postgres"
    std::string_view kind;    // "Postgres"
    std::string_view plural;  // "postgreses"
    std::string_view container;
    std::uint16_t default_port = 0;
    std::string_view scheme;          // of a connection URI
    std::string_view tls_scheme{};    // empty: the scheme is the same with TLS
    std::string_view default_user{};  // if the Secret names none; empty: it must name one
    std::string_view default_database{};
    bool can_halt = true;
    bool has_volumes = true;
    dependent_kind dependent{};
    // Components whose PetSets are named "<database>-<component>", separated by '|'. '#' stands for
    // a number.
    std::string_view components{};

    [[nodiscard]] std::string ops_kind() const { return std::string(kind) + "OpsRequest"; }
    // "postgresopsrequests"
    [[nodiscard]] std::string ops_plural() const { return base::lower(kind) + "opsrequests"; }
    // "postgresversions"
    [[nodiscard]] std::string version_plural() const { return base::lower(kind) + "versions"; }
    // The value of app.kubernetes.io/name.
    [[nodiscard]] std::string name_label() const { return std::string(plural) + ".kubedb.com"; }
    [[nodiscard]] std::string dependent_name(std::string_view database) const {
        return std::string(database) + std::string(dependent.suffix);
    }
    // Returns the name of the database that the object describes or that depends on it. Returns
    // nullopt if the object is of another kind.
    [[nodiscard]] std::optional<std::string> database_of(std::string_view object_kind,
                                                         std::string_view object_name) const {
        if (object_kind == kind) return std::string(object_name);
        const bool is_dependent = !dependent.kind.empty() && object_kind == dependent.kind;
        if (!is_dependent || !object_name.ends_with(dependent.suffix)) return std::nullopt;
        object_name.remove_suffix(dependent.suffix.size());
        return std::string(object_name);
    }
};

}  // namespace kubedb
