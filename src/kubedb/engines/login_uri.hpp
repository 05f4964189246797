#pragma once
// Connection URIs and environment variables of the engines' clients. Shared by the dialects. Pure.

#include <span>
#include <string>
#include <string_view>

#include "kubedb/app_binding.hpp"
#include "kubedb/engine_kind.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

// Returns the scheme for the security of the servers.
std::string_view scheme_of(const engine_kind& kind, const app_binding& binding) noexcept;

// Returns scheme://user:password@servers/database?query. Leaves out parts that are empty.
base::secret login_uri(std::string_view scheme, const ports::credentials& login,
                       std::span<const server_address> servers, std::string_view query = {});

// Sets an environment variable. Does nothing if the value is empty.
void set_variable(ports::credentials& login, std::string name, std::string value);

// Completes a login for the clients of MySQL, which are those of MariaDB too.
void complete_mysql_login(ports::credentials& login, const engine_kind& kind,
                          const app_binding& binding);

}  // namespace kubedb
