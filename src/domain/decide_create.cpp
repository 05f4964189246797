#include <fmt/format.h>

#include "domain/decide_parts.hpp"
#include "domain/operation_steps.hpp"

namespace domain {

void decide_uncreated(reconcile_input& input) {
    auto* active = active_operation(input.record);
    if (active == nullptr) return;  // creation failed for good: the owner deletes or recreates
    start(*active, input.context.now);
    step_list(*active).set("create_object", operation_phase::running);
    // The process may have ended after the create and before it stored the uid. A second create
    // returns that uid.
    const bool is_created =
        input.observed->exists && input.observed->owner_database_id == input.record.id;
    if (!is_created && input.context.is_operation_overdue()) {
        const auto cause = active->error_message;
        finish(
            *active, operation_phase::failed, input.context.now, "timed_out",
            fmt::format("the object could not be created within {} s{}{}",
                        input.context.operation_timeout.count(), cause.empty() ? "" : ": ", cause));
        return;
    }
    input.act(action_kind::create_object);
}

}  // namespace domain
