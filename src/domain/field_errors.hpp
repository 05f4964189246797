#pragma once
// The faults of one request. They are few, however long the request is: looking through them is
// cheap, and so is telling them. Pure.

#include <cstddef>
#include <expected>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace domain {

// That are told; one more entry ("too_many_errors", at the whole request) says that there are
// others.
inline constexpr std::size_t faults_max = 100;
void add_field_error(std::vector<base::field_error>& list, base::field_error what);

// Collects them, one for each pointer: what could not be read is not missing as well.
class field_errors {
  public:
    explicit field_errors(std::vector<base::field_error> unread) : list_(std::move(unread)) {}
    void add(std::string pointer, std::string code, std::string message);
    void add(std::vector<base::field_error> more);
    [[nodiscard]] std::size_t count() const noexcept { return list_.size(); }
    [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
    // invalid, with all of them.
    [[nodiscard]] std::unexpected<base::failure> fail() &&;

  private:
    std::vector<base::field_error> list_;
};

}  // namespace domain
