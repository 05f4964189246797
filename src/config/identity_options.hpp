#pragma once
// The part of the table of options about signing keys, credentials and issuers. Private to config.

#include <span>

#include "config/options.hpp"

namespace config {

std::span<const option_description> identity_options() noexcept;

}  // namespace config
