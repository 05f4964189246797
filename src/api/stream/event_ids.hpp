#pragma once
// The ids of the events of all streams. The number of an event grows with each change on the
// platform, also of objects that a subscriber may not see. Therefore, an id is the number sealed
// with a key of the process: it reveals neither the number nor whether two numbers are the same.
// Thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace api {

class event_ids {
  public:
    event_ids();

    // Returns another id in each call, of lower-case letters and digits.
    [[nodiscard]] std::string seal(std::uint64_t number) const;
    // Returns nothing for an id of another process.
    [[nodiscard]] std::optional<std::uint64_t> open(std::string_view id) const;

  private:
    base::secret key_;
};

}  // namespace api
