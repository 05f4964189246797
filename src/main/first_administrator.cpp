#include "main/first_administrator.hpp"

#include <filesystem>

#include "domain/api_key_rules.hpp"
#include "main/admin_key.hpp"
#include "token/api_key.hpp"

namespace {

// The actor of the rows in the audit log.
constexpr const char* actor = "bootstrap";

base::outcome<void> create_user(const config::options& options, loop_thread& control,
                                app::service& service) {
    if (options.bootstrap_admin_password.empty() || !service.users().users()->empty()) {
        return base::ok();
    }
    return *control.run([&] {
        return service.audit().run_audited(
            {.action = "create_user",
             .actor = actor,
             .via = "password",
             .kind = "user",
             .object = std::string(domain::admin_subject)},
            [&] {
                return service.users().admit_first_administrator(options.bootstrap_admin_password);
            });
    });
}

base::outcome<void> admit_key(const config::options& options, loop_thread& control,
                              app::service& service, obs::log& log) {
    auto& keys = service.keys();
    const bool is_named = !options.admin_key_file.empty();
    const admin_key_file file{
        .path = is_named ? options.admin_key_file : options.data_dir + "/admin-key",
        .is_always_made = is_named,
        .has_administrator = keys.has_administrator() || service.users().has_administrator()};
    if (!is_named) {
        std::error_code error;
        std::filesystem::create_directories(options.data_dir, error);
    }
    auto key = obtain_admin_key(file, app::key_registry::new_key_text());
    if (!key) return base::pass(std::move(key));
    if (!*key) return base::ok();
    auto admitted = control.run([&] { return admit_admin_key(service, (*key)->text); });
    if ((*key)->is_new) log.warning("admin_key_written", {{"path", file.path}});
    return *admitted;
}

}  // namespace

aio::task<> admit_admin_key(app::service& service, base::secret text) {
    auto& keys = service.keys();
    const auto id = token::id_of_api_key(text.reveal());
    const bool is_new = id && !keys.keys()->contains(*id);
    if (!is_new) return keys.admit_admin_key(std::move(text));
    app::audit_event event{.action = "create_api_key",
                           .actor = actor,
                           .via = "file",
                           .kind = "api_key",
                           .object = std::string(*id)};
    return service.audit().run_audited(
        std::move(event), [&keys, text = std::move(text)] { return keys.admit_admin_key(text); });
}

base::outcome<void> admit_first_administrator(const config::options& options, loop_thread& control,
                                              app::service& service, obs::log& log) {
    auto created = create_user(options, control, service);
    if (!created) return base::pass(std::move(created), "BOOTSTRAP_ADMIN_PASSWORD");
    if (options.auth != config::auth_mode::required) return base::ok();
    auto admitted = admit_key(options, control, service, log);
    if (!admitted) return base::pass(std::move(admitted), "admin key");
    return base::ok();
}
