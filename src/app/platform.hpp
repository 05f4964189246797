#pragma once
// The platform as the api module uses it: one interface per consumer. All functions live on the
// control loop; the api module enters it with aio::run_on. The platform publishes its state to
// observers as immutable views. Reads therefore do not enter this loop.

#include "app/audit/audit_log.hpp"
#include "app/commands.hpp"
#include "app/group_rule_register.hpp"
#include "app/idempotency_keys.hpp"
#include "app/key_commands.hpp"
#include "app/live_reads.hpp"
#include "app/log_level_commands.hpp"
#include "app/member_commands.hpp"
#include "app/role_commands.hpp"
#include "app/service_account_commands.hpp"
#include "app/session_commands.hpp"
#include "app/state_observers.hpp"
#include "app/user_commands.hpp"
#include "ports/login_register.hpp"

namespace app {

// References into one service, which outlives every copy.
struct platform {
    database_commands& databases;
    project_commands& projects;
    live_reads& reads;
    idempotency_keys& keys;
    key_commands& api_keys;
    member_commands& members;
    user_commands& users;
    session_commands& sessions;
    role_commands& roles;
    service_account_commands& service_accounts;
    ports::login_register& used_logins;
    group_rule_register& group_rules;
    state_publisher& state;
    audit_log& audit;
    log_level_commands& log_levels;
};

}  // namespace app
