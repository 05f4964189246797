#include "domain/decide_parts.hpp"

namespace domain {

void decide_deleted(reconcile_input& input) {
    auto* active = active_operation(input.record);
    if (active == nullptr) {  // the deletion has been confirmed
        input.act(action_kind::remove_record);
        return;
    }
    start(*active, input.context.now);
    // Only remove_object, which reads the cluster, confirms that nothing is left.
    const bool under_way = input.observed->exists && input.observed->deleting;
    if (!under_way) input.act(action_kind::remove_object);
    input.again = poll_fast;
}

void decide_missing(reconcile_input& input) {
    auto* active = active_operation(input.record);
    if (active == nullptr) return;
    finish_as_missing(*active, input.context.now);
}

void finish_as_missing(operation& active, base::instant now) {
    finish(active, operation_phase::failed, now, "object_missing",
           "the database's object vanished from the cluster");
}

}  // namespace domain
