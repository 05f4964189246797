#pragma once
// The parts of decide(), one per kind of situation. Each changes the record of its input and sets
// the next action. Inside domain only.

#include <chrono>
#include <optional>

#include "domain/decide.hpp"
#include "domain/operation_lifecycle.hpp"

namespace domain {

inline constexpr std::chrono::seconds poll_fast{5};
inline constexpr std::chrono::seconds poll_slow{30};

struct reconcile_input {
    database record;
    const observed_database* observed = nullptr;
    const decide_context& context;
    action next{};
    std::optional<std::chrono::seconds> again{};

    void act(action_kind kind) { next.kind = kind; }
};

// The object was never created (decide_create.cpp).
void decide_uncreated(reconcile_input& input);
// The record is deleted, or its object is gone (decide_delete.cpp).
void decide_deleted(reconcile_input& input);
void decide_missing(reconcile_input& input);
// Fails the operation because its object does not exist.
void finish_as_missing(operation& active, base::instant now);
// The object exists (decide_present.cpp).
void decide_present(reconcile_input& input);

// Pause and resume (decide_pause.cpp).
bool is_pause_change(const operation& operation) noexcept;
// Returns whether the latest pause or resume is not completely written: that of the active
// operation or of one that it supersedes. The observed state cannot prove it, because a dependent
// object may have received the change without the database.
bool is_pause_unwritten(const database& record) noexcept;
// Writes labels and pause to the object. `is_pause_written`: notes the write of a pause or resume
// as a step of the operation.
void update_object(reconcile_input& input, operation& active, bool is_pause_written);
void note_pause_written(operation& active);
// Resets the desired state to the observed one, so that a failed change leaves nothing pending. An
// update may have superseded a pause or resume that was not written yet.
void reset_desired(database& record, const operation& failed, const observed_database& observed);

// Day-2 changes (decide_update.cpp).
void note_finished_changes(reconcile_input& input, operation& active);
// Returns whether an OpsRequest is in progress, the platform's or another writer's. Only one change
// runs at a time.
bool wait_for_change(reconcile_input& input, operation& active);
// Returns the change of the spec that the operation still needs.
std::optional<change_kind> change_left(const reconcile_input& input,
                                       const operation& active) noexcept;
void pursue_change(reconcile_input& input, operation& active, change_kind kind);

}  // namespace domain
