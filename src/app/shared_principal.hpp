#pragma once
// The principal of a request, shared by the request and the commands that outlive it. Immutable.

#include <memory>

#include "domain/access.hpp"

namespace app {

using shared_principal = std::shared_ptr<const domain::principal>;

}  // namespace app
