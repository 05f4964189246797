#include "app/identity/external_authenticator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aio/deadline.hpp"
#include "app/group_rule_register.hpp"
#include "base/ascii.hpp"

namespace app {
namespace {

using base::errc;
using base::fail;

constexpr std::string_view scheme = "Bearer ";
constexpr std::chrono::seconds run_interval{1};
constexpr std::size_t due_max = 64;
constexpr std::chrono::seconds retry_after{5};

// Returns the text after the bearer scheme; "" for another scheme.
std::string_view bearer_of(std::string_view header) {
    if (!base::equals_ignore_case(header.substr(0, scheme.size()), scheme)) return {};
    return header.substr(scheme.size());
}

std::unexpected<base::failure> away(std::string text) {
    auto result = fail(errc::unavailable, std::move(text), "identity_unavailable");
    result.error().retry_after = retry_after;
    return result;
}

// A role that was deleted after it was granted has no permissions.
domain::granted_role granted_role_of(const std::string& name, const role_index& custom) {
    if (const auto built_in = domain::find_role(name)) return *built_in;
    const auto role = custom.find(name);
    return {name, role == custom.end() ? domain::permission_set() : role->second->permissions};
}

// Returns a role with the permissions of both.
domain::granted_role wider(const domain::granted_role& a, const domain::granted_role& b) {
    if (a.permissions.include(b.permissions)) return a;
    if (b.permissions.include(a.permissions)) return b;
    auto permissions = a.permissions;
    permissions.insert(b.permissions);
    return {a.name + "+" + b.name, permissions};
}

template <class T>
bool is_same(const std::weak_ptr<T>& a, const std::shared_ptr<T>& b) {
    return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

external_authenticator::external_authenticator(deps deps, external_authenticator_options options)
    : deps_(std::move(deps)), options_(options) {
    lanes_.store(std::make_shared<const lane_list>());
}

void external_authenticator::use(const verifier_list& verifiers) {
    const auto present = lanes_.load();
    auto next = std::make_shared<lane_list>();
    for (const auto& verifier : verifiers) {
        const auto known = std::ranges::find(*present, verifier, &lane::verifier);
        next->push_back(known != present->end() ? *known
                                                : std::make_shared<lane>(deps_.executor, verifier,
                                                                         options_.lookups_max));
    }
    std::erase_if(retired_, [](const auto& owner) { return owner.use_count() == 1; });
    for (const auto& owner : *present) {
        if (std::ranges::find(*next, owner) == next->end()) retired_.push_back(owner);
    }
    lanes_.store(std::move(next));
    const std::lock_guard lock(mutex_);
    std::erase_if(verified_, [&](const auto& item) {
        return std::ranges::find(verifiers, item.second.verifier, [](const auto& verifier) {
                   return verifier.get();
               }) == verifiers.end();
    });
    rejected_.clear();  // a new verifier may accept them
}

std::shared_ptr<external_authenticator::lane> external_authenticator::lane_of(
    std::string_view text) const {
    const auto lanes = lanes_.load();
    const auto owner = std::ranges::find_if(
        *lanes, [&](const auto& candidate) { return candidate->verifier->recognizes(text); });
    return owner == lanes->end() ? nullptr : *owner;
}

void external_authenticator::add_member_roles(const ports::verified_identity& identity,
                                              domain::role_map& roles) const {
    const auto members = deps_.members.members();
    const auto custom = deps_.roles.roles();
    for (const auto& [project, subjects] : *members) {
        const auto member = subjects.find(identity.subject);
        if (member == subjects.end()) continue;
        const auto& record = *member->second;
        const bool is_given = is_from_groups(record.created_by);  // the token's groups are newer
        if (is_given && !record.replaced) continue;
        const auto granted =
            granted_role_of(is_given ? record.replaced->role : record.role, *custom);
        auto [present, is_new] = roles.try_emplace(project, granted);
        if (!is_new) present->second = wider(present->second, granted);
    }
}

external_authenticator::outcome external_authenticator::principal_of(verified_token& token) const {
    const auto members = deps_.members.members();
    const auto custom = deps_.roles.roles();
    const auto users = deps_.users.users();
    const auto& identity = token.identity;
    const auto entry = users->find(identity.subject);
    const auto* user = entry == users->end() ? nullptr : entry->second.record.get();
    if (user != nullptr && user->state != domain::user_state::active) {
        return fail(errc::denied, "the user of the token is disabled", "unauthenticated");
    }
    if (token.caller && is_same(token.members, members) && is_same(token.roles, custom) &&
        is_same(token.users, users)) {
        return token.caller;
    }
    domain::principal caller{.subject = identity.subject,
                             .is_administrator = identity.is_administrator,
                             .credential = identity.credential};
    for (const auto& [project, names] : identity.roles) {
        for (const auto& name : names) {
            const auto granted = granted_role_of(name, *custom);
            auto [present, is_new] = caller.roles.try_emplace(project, granted);
            if (!is_new) present->second = wider(present->second, granted);
        }
    }
    add_member_roles(identity, caller.roles);
    if (user != nullptr) {
        const bool is_granted = !is_from_groups(user->role_granted_by);
        const bool has_role =
            !identity.manages_administrators && is_granted && user->is_active_administrator();
        caller.is_administrator = caller.is_administrator || has_role;
        caller.is_auditor = user->role == domain::platform_role::auditor;
    }
    token.caller = std::make_shared<const domain::principal>(std::move(caller));
    token.members = members;
    token.roles = custom;
    token.users = users;
    return token.caller;
}

std::optional<external_authenticator::outcome> external_authenticator::recall(
    std::string_view text) const {
    const auto digest = token::sha256(text);
    const auto now = deps_.clock.utc_now();
    const std::lock_guard lock(mutex_);
    const auto rejected = rejected_.find(digest);
    if (rejected != rejected_.end() && now < rejected->second.until) {
        return fail(errc::denied, rejected->second.text, "unauthenticated");
    }
    const auto entry = verified_.find(digest);
    if (entry == verified_.end()) return std::nullopt;
    auto& known = entry->second;
    const auto age = now - known.verified_at;
    if (now >= known.identity.expires_at || age >= options_.verification_lifetime * 2) {
        return std::nullopt;
    }
    if (age >= options_.verification_lifetime && !known.is_due && due_.size() < due_max) {
        known.is_due = true;
        due_.emplace_back(std::string(text));
    }
    return principal_of(known);
}

base::outcome<std::shared_ptr<const domain::principal>> external_authenticator::authenticate(
    const ports::authentication_request& request) const {
    const auto text = bearer_of(request.authorization);
    const bool is_token = text.contains('.');  // unlike API keys
    if (!is_token) return deps_.own.authenticate(request);
    if (auto known = recall(text)) return std::move(*known);
    auto own = deps_.own.authenticate(request);
    if (own || own.error().code != errc::denied || lane_of(text) == nullptr) return own;
    return fail(errc::unavailable, "the token has not been verified yet",
                ports::authentication_cause::needs_lookup);
}

aio::task<> external_authenticator::look_up(std::string authorization) {
    base::secret text{std::string(bearer_of(authorization))};
    const auto owner = lane_of(text.reveal());
    if (owner == nullptr) co_return base::ok();  // authenticate() denies it
    if (owner->waiting >= options_.waiting_max) {
        co_return away("too many tokens are being verified; try again");
    }
    ++owner->waiting;
    auto result = co_await aio::with_deadline(
        std::chrono::steady_clock::now() + options_.lookup_timeout, look_up_once(owner, text));
    --owner->waiting;
    if (result || result.error().code == errc::cancelled) co_return result;
    if (extend(token::sha256(text.reveal()))) co_return base::ok();
    co_return away("the system that verifies the token does not respond; try again");
}

aio::task<> external_authenticator::look_up_once(std::shared_ptr<lane> owner, base::secret text) {
    const auto digest = token::sha256(text.reveal());
    auto& entry = lookups_[digest];
    if (!entry) entry = std::make_shared<aio::semaphore>(deps_.executor, 1);
    const auto turn = entry;  // shared with the other lookups of the token
    base::outcome<void> result = base::ok();
    {
        auto permit = co_await turn->acquire();
        if (!permit) {
            result = base::pass(std::move(permit));
        } else if (!recall(text.reveal())) {
            result = co_await verify(owner, std::move(text));
        }
    }
    if (turn->is_idle()) lookups_.erase(digest);
    co_return result;
}

aio::task<> external_authenticator::verify(std::shared_ptr<lane> owner, base::secret text) {
    const auto digest = token::sha256(text.reveal());
    auto slot = co_await owner->slots.acquire();
    if (!slot) co_return base::pass(std::move(slot));
    auto identity = co_await owner->verifier->verify(std::move(text));
    if (identity) {
        remember(digest, *owner, std::move(*identity));
        co_return base::ok();
    }
    if (identity.error().code != errc::denied) co_return base::pass(std::move(identity));
    const auto& failure = identity.error();
    deps_.log.info("token_rejected", {{"reason", failure.reason}, {"detail", failure.text}});
    reject(digest, failure.reason.empty() ? failure.text
                                          : fmt::format("{} ({})", failure.text, failure.reason));
    co_return base::ok();
}

void external_authenticator::remember(const token::sha256_digest& digest, const lane& owner,
                                      ports::verified_identity identity) {
    const auto lanes = lanes_.load();
    if (std::ranges::find(*lanes, owner.verifier, &lane::verifier) == lanes->end()) return;
    const auto now = deps_.clock.utc_now();
    if (identity.expires_at <= now) return reject(digest, "the token has expired");
    const std::lock_guard lock(mutex_);
    forget_expired();
    if (verified_.size() >= options_.tokens_max && !verified_.contains(digest)) {
        verified_.erase(std::ranges::min_element(
            verified_, {}, [](const auto& item) { return item.second.verified_at; }));
    }
    rejected_.erase(digest);
    verified_.insert_or_assign(digest, verified_token{.identity = std::move(identity),
                                                      .verifier = owner.verifier.get(),
                                                      .verified_at = now});
}

void external_authenticator::reject(const token::sha256_digest& digest, std::string text) {
    const auto until = deps_.clock.utc_now() + options_.rejection_lifetime;
    const std::lock_guard lock(mutex_);
    forget_expired();
    verified_.erase(digest);
    if (rejected_.size() >= options_.tokens_max) rejected_.erase(rejected_.begin());
    rejected_.insert_or_assign(digest, rejected_token{.text = std::move(text), .until = until});
}

bool external_authenticator::extend(const token::sha256_digest& digest) {
    const auto now = deps_.clock.utc_now();
    const std::lock_guard lock(mutex_);
    const auto entry = verified_.find(digest);
    if (entry == verified_.end() || now >= entry->second.identity.expires_at) return false;
    entry->second.verified_at = now - options_.verification_lifetime;
    entry->second.is_due = false;
    return true;
}

void external_authenticator::forget_expired() {
    const auto now = deps_.clock.utc_now();
    std::erase_if(verified_,
                  [&](const auto& item) { return now >= item.second.identity.expires_at; });
    std::erase_if(rejected_, [&](const auto& item) { return now >= item.second.until; });
}

aio::task<> external_authenticator::run() {
    while (true) {
        auto slept = co_await aio::sleep_for(deps_.clock, run_interval);
        if (!slept) co_return slept;
        std::vector<base::secret> due;
        {
            const std::lock_guard lock(mutex_);
            forget_expired();
            due.swap(due_);
        }
        for (const auto& text : due) {
            const auto owner = lane_of(text.reveal());
            if (owner == nullptr) continue;
            auto verified = co_await aio::with_deadline(
                std::chrono::steady_clock::now() + options_.lookup_timeout, verify(owner, text));
            if (verified) continue;
            if (verified.error().code == errc::cancelled) co_return verified;
            extend(token::sha256(text.reveal()));
            deps_.log.warning("token_not_verified_again", {{"error", verified.error().text}});
        }
    }
}

}  // namespace app
