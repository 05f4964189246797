#include "domain/operation_steps.hpp"

#include <algorithm>
#include <utility>

namespace domain {

operation_step& step_list::at(std::string_view step_name) {
    for (auto& step : owner_.steps) {
        if (step.name == step_name) return step;
    }
    owner_.steps.push_back({.name = std::string(step_name)});
    return owner_.steps.back();
}

void step_list::set(std::string_view step_name, operation_phase phase, std::string message) {
    auto& step = at(step_name);
    step.phase = phase;
    step.message = std::move(message);
    const auto done = std::ranges::count_if(owner_.steps, [](const operation_step& each) {
        return each.phase == operation_phase::succeeded;
    });
    owner_.progress = static_cast<int>(100 * done / std::ptrdiff_t(owner_.steps.size() + 1));
}

}  // namespace domain
