#pragma once
// The rules of group mapping that the replicas have, so that a role ends with the rule that gave
// it. Each replica confirms its rules in the store. A rule that no replica confirms any more is
// removed, and the roles that it gave end. Replicas with different configurations, as during a
// rolling upgrade, keep the roles of each other's rules.
//
// Ages are numbers of calls of run_once(), so that neither a clock nor a suspended process ends a
// rule. The first call after a change of the configuration does not count, so that many changes do
// not end the rules of other replicas. Lives on the control loop. Owned by the service.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "app/document_registry.hpp"
#include "app/group_rule_register.hpp"
#include "app/identity/member_registry.hpp"
#include "app/identity/user_registry.hpp"
#include "obs/log.hpp"

namespace app {

// The rules of one issuer in the store.
struct confirmed_rules {
    std::string method;
    std::map<group_role, std::int64_t> confirmations{};  // how often each rule was confirmed
    std::int64_t revision = 0;
    bool operator==(const confirmed_rules&) const = default;
};

std::string encode(const confirmed_rules& source);
// The revision is not part of the text. Errors: corrupt.
base::outcome<confirmed_rules> decode_confirmed_rules(std::string_view text);

class group_rules final : public group_rule_register {
  public:
    struct deps {
        ports::document_store& store;
        member_registry& members;
        user_registry& users;
        obs::log& log;
        // Other replicas may have other rules. Without them, a rule ends at once if it is not used.
        bool has_replicas = false;
    };
    explicit group_rules(deps deps);

    // Reads the rules of all replicas. Errors: unavailable.
    aio::task<> load() { return registry_.load(); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }

    void use(std::set<group_role> rules) override;
    aio::task<> read() override;
    [[nodiscard]] bool is_in_use(const group_role& rule) const override;
    aio::task<> run_once() override;

    // A replica confirms a rule again at this age, and a rule is removed at the other one.
    static constexpr int confirmation_age = 3;
    static constexpr int removal_age = 10;

  private:
    struct age {
        std::int64_t confirmations = 0;
        int runs = 0;  // since this number of confirmations was seen first
    };

    [[nodiscard]] confirmed_rules record_of(const ports::document& document) const;
    aio::task<> run_all();
    // Adopts the confirmations that the replicas have written since the last call. `is_counted`:
    // the others are one run older.
    void count_runs(bool is_counted);
    // After an interruption, the other replicas may not have confirmed their rules.
    void restart_ages();
    [[nodiscard]] bool is_own(const group_role& rule) const { return own_->contains(rule); }
    // Returns whether this replica must confirm its rule.
    [[nodiscard]] bool is_due(const group_role& rule) const;
    // Confirms the rules of an issuer that are due.
    aio::task<> confirm(std::string method);
    // Returns the stored rules that no replica has.
    [[nodiscard]] std::set<group_role> removed_rules() const;
    // Ends the roles that the rule gave.
    aio::task<> end_roles(group_role rule);
    // Deletes the rule from the store, unless a replica has confirmed it again.
    aio::task<> forget(group_role rule);

    deps deps_;
    document_registry<confirmed_rules> registry_;
    std::optional<std::set<group_role>> own_;  // nothing before use()
    std::map<group_role, age> ages_;           // of the stored rules
    bool is_running_ = false;
    bool is_changed_ = false;  // by use(), since the last run
};

}  // namespace app
