#pragma once
// The registries, the rules of group mapping and the logins of three processes on one store: one
// alone, and two replicas. For the tests of rules and logins.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "app/identity/caller_reader.hpp"
#include "app/identity/external_login.hpp"
#include "app/identity/group_rules.hpp"
#include "app/identity/identity_registries.hpp"
#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace fakes {

inline constexpr token::password_parameters cheap{.memory_kibibytes = 64, .passes = 1};
inline const std::string issuer_method = "oidc:corp";

class no_sessions final : public app::session_commands {
  public:
    aio::task<app::issued_tokens> log_in(std::string, base::secret) override { return fixed(); }
    aio::task<app::issued_tokens> start_session(app::external_identity identity) override {
        co_return app::issued_tokens{.subject = identity.subject};
    }
    aio::task<app::issued_tokens> refresh(base::secret, app::session_owner&) override {
        return fixed();
    }
    aio::task<void> end_session(std::string) override { co_return base::ok(); }
    aio::task<void> end_sessions(std::string, app::shared_principal) override {
        co_return base::ok();
    }
    [[nodiscard]] std::shared_ptr<const std::string> key_set() const override { return nullptr; }

  private:
    static aio::task<app::issued_tokens> fixed() {
        co_return base::fail(base::errc::unsupported, "fixed");
    }
};

// Reads callers as the service does.
class caller_reads final : public app::live_reads {
  public:
    caller_reads(app::identity_registries& registries, ports::document_store& store,
                 const base::clock& clock, bool has_replicas)
        : ended_(store, clock),
          reader_({.registries = registries, .ended = ended_}),
          has_replicas_(has_replicas) {}

    aio::task<> wait_for(app::awaited_record) override { co_return base::ok(); }
    aio::task<> read_caller(app::shared_principal caller) override {
        if (!has_replicas_) co_return base::ok();
        co_return co_await reader_.read(std::move(caller), {});
    }
    aio::task<> read_for_write(app::shared_principal caller, app::written_object) override {
        return read_caller(std::move(caller));
    }
    aio::task<ports::credentials> read_credentials(std::string, app::caller) override {
        co_return base::fail(base::errc::unsupported, "fixed");
    }
    aio::task<app::history_points> read_history(app::history_request) override {
        co_return base::fail(base::errc::unsupported, "fixed");
    }

  private:
    app::ended_sessions ended_;
    app::caller_reader reader_;
    bool has_replicas_;
};

class group_rules_stage : public testing::Test {
  protected:
    // The registries of one process.
    struct process : app::identity_registries {
        process(group_rules_stage& test, ports::document_store& store, bool has_replicas)
            : identity_registries({.store = store,
                                   .projects = test.cache_,
                                   .passwords = test.passwords_,
                                   .clock = test.clock_,
                                   .log = test.log_,
                                   .has_replicas = has_replicas}),
              reads(*this, store, test.clock_, has_replicas),
              logins({.users = users,
                      .members = members,
                      .roles = roles,
                      .sessions = test.sessions_,
                      .rules = rules,
                      .reads = reads,
                      .log = test.log_}) {}
        caller_reads reads;
        app::external_login logins;
    };

    void SetUp() override {
        for (const auto* name : {"shop", "bank", "lab"}) {
            cache_.put_project(
                std::make_shared<const domain::project>(domain::project{.name = name}));
        }
    }
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    static app::group_role rule(const std::string& project, const std::string& role,
                                const std::string& issuer = issuer_method) {
        return {.method = issuer, .project = project, .role = role};
    }
    static app::group_role administrators() { return rule("", "admin"); }
    void grant(process& target, const std::string& project, const std::string& role,
               const std::string& creator = issuer_method,
               const std::string& subject = "corp.ada") {
        const auto granted = run<app::granted_role>([&] {
            return target.members.put_member({.project = project, .subject = subject, .role = role},
                                             {.subject = creator}, admin_);
        });
        ASSERT_TRUE(granted) << granted.error().text;
    }
    base::outcome<void> run_once(process& target) {
        return run<void>([&] { return target.rules.run_once(); });
    }
    void run_times(process& target, int times) {
        for (int count = 0; count < times; ++count) ASSERT_TRUE(run_once(target));
    }
    void refresh(process& target) {
        ASSERT_TRUE(run<void>([&]() -> aio::task<> {
            auto refreshed = co_await target.members.refresh();
            if (refreshed) refreshed = co_await target.users.refresh();
            co_return refreshed;
        }));
    }
    // Returns the role as the store has it; "" without one.
    std::string role_in(const std::string& project, const std::string& subject = "corp.ada") {
        process reader(*this, store_, false);
        EXPECT_TRUE(run<void>([&] { return reader.members.load(); }));
        const auto roles = reader.members.roles_of(subject);
        const auto entry = roles.find(project);
        return entry == roles.end() ? std::string() : entry->second.name;
    }
    domain::platform_role role_of(process& target, const std::string& name) {
        const auto user = target.users.find(name);
        return user ? user->role : domain::platform_role::none;
    }
    ports::external_user person(domain::role_names roles) {
        ports::external_user user{
            .subject = "corp.ada", .method = issuer_method, .roles = std::move(roles)};
        for (const auto& [project, names] : user.roles) user.managed_projects.insert(project);
        return user;
    }
    base::outcome<app::issued_tokens> log_in(process& target, ports::external_user user) {
        return run<app::issued_tokens>([&] { return target.logins.log_in(user); });
    }
    bool has_stored_rules() {
        return run<ports::document>([&] { return store_.get("group_rules", issuer_method); })
            .has_value();
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::gated_store gate_{store_, loop_.executor()};
    fakes::recording_log log_;
    no_sessions sessions_;
    app::state_cache cache_{clock_, std::chrono::seconds(10)};
    app::password_pool passwords_{{.parameters = cheap}};
    app::shared_principal admin_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "root", .is_administrator = true});
    process alone_{*this, store_, false};
    process here_{*this, store_, true};
    process there_{*this, store_, true};
};

}  // namespace fakes
