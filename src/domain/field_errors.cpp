#include "domain/field_errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace domain {

using base::field_error;

void add_field_error(std::vector<field_error>& list, field_error error) {
    if (list.size() > field_errors_max) return;
    if (list.size() == field_errors_max) {
        error = {.pointer = "",
                 .code = "too_many_errors",
                 .message = fmt::format("there are more than {} errors", field_errors_max)};
    }
    list.push_back(std::move(error));
}

void field_errors::add(std::string pointer, std::string code, std::string message) {
    if (std::ranges::find(list_, pointer, &field_error::pointer) != list_.end()) return;
    add_field_error(list_, {std::move(pointer), std::move(code), std::move(message)});
}

void field_errors::add(std::vector<field_error> more) {
    for (auto& error : more) {
        add(std::move(error.pointer), std::move(error.code), std::move(error.message));
    }
}

std::unexpected<base::failure> field_errors::fail() && {
    auto text = fmt::format("{} fields are not valid", list_.size());
    if (list_.size() == 1) text = fmt::format("{}: {}", list_[0].pointer, list_[0].message);
    if (list_.size() > field_errors_max) {
        text = fmt::format("more than {} fields are not valid", field_errors_max);
    }
    return std::unexpected(base::failure{.code = base::errc::invalid,
                                         .text = std::move(text),
                                         .reason = "validation_failed",
                                         .fields = std::move(list_)});
}

}  // namespace domain
