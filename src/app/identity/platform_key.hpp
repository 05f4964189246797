#pragma once
// The platform key, which seals secrets in the store. Immutable; thread-safe.

#include <memory>

#include "base/failure.hpp"
#include "base/secret.hpp"
#include "token/sealed_text.hpp"

namespace app {

using shared_sealer = std::shared_ptr<const token::sealer>;

// Returns a new random key as text.
base::secret new_platform_key_text();
// Reads the texts of the present key and of the previous one, which may be empty. Errors: invalid.
base::outcome<shared_sealer> make_sealer(const base::secret& text, const base::secret& previous);

}  // namespace app
