#include "app/identity/group_rules.hpp"

#include <utility>

#include "json/json_access.hpp"

namespace app {
namespace {

using base::errc;

constexpr int format_version = 1;

ports::document document_of(const confirmed_rules& record) {
    return {.id = record.method, .body = encode(record)};
}

}  // namespace

std::string encode(const confirmed_rules& source) {
    json::array rules;
    for (const auto& [rule, confirmations] : source.confirmations) {
        rules.push_back(json::object{
            {"project", rule.project}, {"role", rule.role}, {"confirmations", confirmations}});
    }
    const json::object result{
        {"v", format_version}, {"method", source.method}, {"rules", std::move(rules)}};
    return json::serialize(result);
}

base::outcome<confirmed_rules> decode_confirmed_rules(std::string_view text) {
    const auto object = json::parse_object(text);
    confirmed_rules record{.method = std::string(json::text_at(object, "method"))};
    const auto* list = object.if_contains("rules");
    bool is_readable = json::number_at(object, "v") == format_version && !record.method.empty() &&
                       list != nullptr && list->is_array();
    if (is_readable) {
        for (const auto& item : list->get_array()) {
            const auto* rule = item.if_object();
            const auto confirmations =
                rule == nullptr ? std::nullopt : json::number_at(*rule, "confirmations");
            is_readable = is_readable && confirmations.has_value();
            if (!is_readable) break;
            record.confirmations.emplace(
                group_role{.method = record.method,
                           .project = std::string(json::text_at(*rule, "project")),
                           .role = std::string(json::text_at(*rule, "role"))},
                *confirmations);
        }
    }
    if (is_readable) return record;
    return base::fail(errc::corrupt, "the stored rules of an issuer cannot be read");
}

group_rules::group_rules(deps deps)
    : deps_(deps),
      registry_(
          deps.store,
          {.collection = "group_rules",
           .encode = document_of,
           .decode = [this](const ports::document& document) -> base::outcome<confirmed_rules> {
               return record_of(document);
           }}) {}

confirmed_rules group_rules::record_of(const ports::document& document) const {
    auto record = decode_confirmed_rules(document.body);
    if (record && record->method == document.id) return std::move(*record);
    deps_.log.error(
        "group_rules_not_readable",
        {{"issuer", document.id}, {"effect", "its replicas confirm their rules again"}});
    return {.method = document.id};
}

void group_rules::use(std::set<group_role> rules) {
    own_ = std::move(rules);
    is_changed_ = true;
}

aio::task<> group_rules::read() {
    if (!deps_.has_replicas) co_return base::ok();
    co_return co_await registry_.refresh();
}

bool group_rules::is_in_use(const group_role& rule) const {
    if (!own_ || is_own(rule)) return true;
    const auto stored = registry_.find(rule.method);
    return deps_.has_replicas && stored && stored->confirmations.contains(rule);
}

aio::task<> group_rules::run_once() {
    if (!own_ || is_running_) co_return base::ok();
    is_running_ = true;
    auto result = co_await run_all();
    while (result && is_changed_) result = co_await run_all();
    is_running_ = false;
    if (!result) restart_ages();
    co_return result;
}

aio::task<> group_rules::run_all() {
    auto read = co_await registry_.refresh();
    if (!read) co_return read;
    count_runs(!std::exchange(is_changed_, false));
    std::set<std::string> due;
    for (const auto& rule : *own_) {
        if (is_due(rule)) due.insert(rule.method);
    }
    for (const auto& method : due) {
        auto confirmed = co_await confirm(method);
        if (!confirmed) co_return confirmed;
    }
    const auto removed = removed_rules();
    if (removed.empty()) co_return base::ok();
    // Once the rule is deleted, its roles are not looked for again.
    auto refreshed = co_await deps_.members.refresh();
    if (refreshed) refreshed = co_await deps_.users.refresh();
    if (!refreshed) co_return refreshed;
    for (const auto& rule : removed) {
        if (is_own(rule)) continue;  // since the last await
        auto ended = co_await end_roles(rule);
        if (ended) ended = co_await forget(rule);
        if (!ended) co_return ended;
    }
    co_return base::ok();
}

void group_rules::count_runs(bool is_counted) {
    std::map<group_role, age> next;
    for (const auto& [method, record] : registry_.records()) {
        for (const auto& [rule, confirmations] : record->confirmations) {
            const auto known = ages_.find(rule);
            const bool is_same =
                known != ages_.end() && known->second.confirmations == confirmations;
            next[rule] = {.confirmations = confirmations,
                          .runs = is_same ? known->second.runs + (is_counted ? 1 : 0) : 0};
        }
    }
    ages_ = std::move(next);
}

void group_rules::restart_ages() {
    for (auto& [rule, age] : ages_) age.runs = is_own(rule) ? confirmation_age : 0;
}

bool group_rules::is_due(const group_role& rule) const {
    const auto stored = ages_.find(rule);
    return stored == ages_.end() || stored->second.runs >= confirmation_age;
}

aio::task<> group_rules::confirm(std::string method) {
    auto stored = co_await registry_.put(
        method, [&](const confirmed_rules* newest) -> base::outcome<confirmed_rules> {
            auto record = newest == nullptr ? confirmed_rules{.method = method} : *newest;
            for (const auto& rule : *own_) {
                if (rule.method == method && is_due(rule)) ++record.confirmations[rule];
            }
            return record;
        });
    if (!stored) co_return base::pass(std::move(stored), "confirm the rules of group mapping");
    co_return base::ok();
}

std::set<group_role> group_rules::removed_rules() const {
    std::set<group_role> removed;
    const int age_min = deps_.has_replicas ? removal_age : 0;
    for (const auto& [rule, age] : ages_) {
        if (age.runs >= age_min && !is_own(rule)) removed.insert(rule);
    }
    return removed;
}

aio::task<> group_rules::end_roles(group_role rule) {
    int ended = 0;
    const auto members = deps_.members.members();
    const auto users = deps_.users.users();
    if (const auto subjects = members->find(rule.project); subjects != members->end()) {
        for (const auto& [subject, record] : subjects->second) {
            if (record->created_by != rule.method || record->role != rule.role) continue;
            const auto revoked = co_await deps_.members.end_group_role(record);
            if (!revoked) co_return base::pass(revoked, "end the role of a removed rule");
            if (*revoked) ++ended;
        }
    }
    for (const auto& [name, user] : *users) {
        const bool is_given = rule.project.empty() && user.record->role_granted_by == rule.method &&
                              domain::name(user.record->role) == rule.role;
        if (!is_given) continue;
        const auto revoked = co_await deps_.users.end_group_role(name, rule.method);
        if (!revoked) co_return base::pass(revoked, "end the role of a removed rule");
        if (*revoked) ++ended;
    }
    deps_.log.info("group_rule_removed", {{"issuer", rule.method},
                                          {"project", rule.project},
                                          {"role", rule.role},
                                          {"ended", ended}});
    co_return base::ok();
}

aio::task<> group_rules::forget(group_role rule) {
    if (!registry_.find(rule.method)) co_return base::ok();  // another replica was faster
    const auto seen = ages_.at(rule).confirmations;
    auto stored = co_await registry_.put(
        rule.method, [&](const confirmed_rules* newest) -> base::outcome<confirmed_rules> {
            auto record = newest == nullptr ? confirmed_rules{.method = rule.method} : *newest;
            const auto entry = record.confirmations.find(rule);
            const bool is_same = entry != record.confirmations.end() && entry->second == seen;
            if (is_same) record.confirmations.erase(entry);
            return record;
        });
    if (!stored) co_return base::pass(std::move(stored), "delete a rule of group mapping");
    auto emptied = co_await registry_.remove_if(
        rule.method, [](const confirmed_rules& newest) { return newest.confirmations.empty(); });
    if (!emptied) co_return base::pass(std::move(emptied), "delete the rules of an issuer");
    co_return base::ok();
}

}  // namespace app
