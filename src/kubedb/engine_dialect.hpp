#pragma once
// How the objects of one engine are written and read. Pure; constant data, usable on every thread.
// Each engine has its file in kubedb/engines/. The fields that all engines have in common are in
// manifests.hpp and observe.hpp. Shapes: KubeDB's kubedb.com/v1 and ops.kubedb.com/v1alpha1.

#include <optional>
#include <span>
#include <string_view>

#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "domain/topology.hpp"
#include "json/json.hpp"
#include "kubedb/app_binding.hpp"
#include "kubedb/engine_kind.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

class engine_dialect {
  public:
    constexpr explicit engine_dialect(const engine_kind& kind) : kind_(kind) {}
    engine_dialect(const engine_dialect&) = delete;
    engine_dialect& operator=(const engine_dialect&) = delete;
    constexpr virtual ~engine_dialect() = default;

    [[nodiscard]] const engine_kind& kind() const noexcept { return kind_; }

    // Adds the topology of the record to the spec of a new object: mode, members, sizes, storage.
    virtual void write_topology(json::object& spec, const domain::database& record) const = 0;
    // Returns the topology of a spec: the inverse of write_topology(). Ignores unknown fields;
    // missing fields keep the default. The group of a dependent object is not part of the spec.
    [[nodiscard]] virtual domain::topology read_topology(const json::object& spec) const = 0;
    // Returns the parameters of an OpsRequest that changes the observed topology `present` to
    // `wanted`. Returns nullopt if the engine has no such request.
    [[nodiscard]] virtual std::optional<json::object> ops_payload(
        domain::change_kind change, const domain::topology& wanted,
        const domain::topology& present) const = 0;

    // Returns whether a database of this topology names a dependent object.
    [[nodiscard]] virtual bool needs_dependent_object(
        const domain::topology& /*shape*/) const noexcept {
        return false;
    }
    // Returns the spec of the dependent object. Precondition: needs_dependent_object().
    [[nodiscard]] virtual json::object dependent_spec(const domain::database& /*record*/) const {
        return {};
    }

    // Completes a login that has user, password, host, port and database: adds the URI and the
    // environment variables of the engine's clients. A login without authentication has neither
    // user nor password.
    virtual void complete_login(ports::credentials& login, const app_binding& binding) const = 0;

  private:
    engine_kind kind_;
};

std::span<const engine_dialect* const> all_dialects() noexcept;
// Returns nullptr if KubeDB's adapter does not know the engine.
const engine_dialect* find_dialect(std::string_view engine) noexcept;
// Returns the dialect of a resource such as "postgreses"; nullptr if there is none.
const engine_dialect* dialect_of_plural(std::string_view plural) noexcept;

}  // namespace kubedb
