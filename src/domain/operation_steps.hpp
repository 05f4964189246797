#pragma once
// The steps of an operation, by name, and the progress that follows from them. Inside domain only.

#include <string>
#include <string_view>

#include "domain/operation.hpp"

namespace domain {

class step_list {
  public:
    explicit step_list(operation& owner) : owner_(owner) {}
    // Returns the step. Appends it if there is none of that name.
    operation_step& at(std::string_view step_name);
    // Sets the step and derives the progress of the operation.
    void set(std::string_view step_name, operation_phase phase, std::string message = {});

  private:
    operation& owner_;
};

}  // namespace domain
