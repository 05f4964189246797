#pragma once
// Bounded list of the validation errors of one request. Pure.

#include <cstddef>
#include <expected>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace domain {

// At most this number of errors is reported. A final entry "too_many_errors" for the whole request
// marks truncation.
inline constexpr std::size_t field_errors_max = 100;
void add_field_error(std::vector<base::field_error>& list, base::field_error error);

// Keeps the first error of each pointer, so that a member of a wrong type is not reported as
// missing.
class field_errors {
  public:
    explicit field_errors(std::vector<base::field_error> unread) : list_(std::move(unread)) {}
    void add(std::string pointer, std::string code, std::string message);
    void add(std::vector<base::field_error> more);
    [[nodiscard]] std::size_t count() const noexcept { return list_.size(); }
    [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
    // Returns errc::invalid with all errors.
    [[nodiscard]] std::unexpected<base::failure> fail() &&;

  private:
    std::vector<base::field_error> list_;
};

}  // namespace domain
