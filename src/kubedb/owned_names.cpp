#include "kubedb/owned_names.hpp"

#include <algorithm>
#include <array>

namespace kubedb {
namespace {

using std::string_view;

// The form of a name after the name of the database.
enum class name_form : std::uint8_t { set, member, service, secret };

struct kind_form {
    string_view kind;
    name_form form;
};
constexpr std::array kind_forms{
    kind_form{"Pod", name_form::member},
    kind_form{"PersistentVolumeClaim", name_form::member},
    kind_form{"PetSet", name_form::set},
    kind_form{"StatefulSet", name_form::set},
    kind_form{"PodDisruptionBudget", name_form::set},
    kind_form{"ServiceAccount", name_form::set},
    kind_form{"AppBinding", name_form::set},
    kind_form{"Service", name_form::service},
    kind_form{"Endpoints", name_form::service},
    kind_form{"ServiceMonitor", name_form::service},
    kind_form{"Secret", name_form::secret},
    kind_form{"Certificate", name_form::secret},
};

constexpr std::array<string_view, 2> claim_templates{"data-", "datadir-"};
constexpr std::array<string_view, 8> service_suffixes{
    "-pods", "-stats", "-standby", "-secondary", "-primary", "-replicas", "-gvr", "-admin-server"};
constexpr std::array<string_view, 13> secret_suffixes{"-auth",
                                                      "-config",
                                                      "-key",
                                                      "-keyfile",
                                                      "-root-cred",
                                                      "-admin-cred",
                                                      "-elastic-cred",
                                                      "-cert",
                                                      "-ca-cert",
                                                      "-server-cert",
                                                      "-client-cert",
                                                      "-transport-cert",
                                                      "-metrics-exporter-cert"};

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_number(string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, is_digit);
}

// Compares with a pattern in which '#' stands for a number.
bool matches(string_view pattern, string_view text) noexcept {
    while (!pattern.empty()) {
        if (pattern.front() == '#') {
            if (text.empty() || !is_digit(text.front())) return false;
            while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
        } else {
            if (text.empty() || text.front() != pattern.front()) return false;
            text.remove_prefix(1);
        }
        pattern.remove_prefix(1);
    }
    return text.empty();
}

// Returns whether the text is empty or "-" and a component of the engine.
bool is_set(const engine_kind& engine, string_view text) noexcept {
    if (text.empty()) return true;
    if (text.front() != '-') return false;
    text.remove_prefix(1);
    auto patterns = engine.components;
    while (!patterns.empty()) {
        const auto size = std::min(patterns.find('|'), patterns.size());
        if (matches(patterns.substr(0, size), text)) return true;
        patterns.remove_prefix(std::min(size + 1, patterns.size()));
    }
    return false;
}

// A set and an ordinal.
bool is_member(const engine_kind& engine, string_view text) noexcept {
    const auto dash = text.rfind('-');
    return dash != text.npos && is_number(text.substr(dash + 1)) &&
           is_set(engine, text.substr(0, dash));
}

// A set and perhaps the suffix of a service.
bool is_service(const engine_kind& engine, string_view text) noexcept {
    if (is_set(engine, text)) return true;
    return std::ranges::any_of(service_suffixes, [&](string_view suffix) {
        return text.ends_with(suffix) &&
               is_set(engine, text.substr(0, text.size() - suffix.size()));
    });
}

}  // namespace

string_view base_name(const object_reference& object) noexcept {
    string_view name = object.name;
    if (object.kind != "PersistentVolumeClaim") return name;
    for (const auto prefix : claim_templates) {
        if (name.starts_with(prefix)) return name.substr(prefix.size());
    }
    return name;
}

bool is_owned_name(const engine_kind& engine, string_view database,
                   const object_reference& object) {
    if (const auto name = engine.database_of(object.kind, object.name)) return *name == database;
    const auto* const row = std::ranges::find(kind_forms, object.kind, &kind_form::kind);
    if (row == kind_forms.end()) return false;
    auto rest = base_name(object);
    if (!rest.starts_with(database)) return false;
    rest.remove_prefix(database.size());
    switch (row->form) {
        case name_form::set:
            return is_set(engine, rest);
        case name_form::member:
            return is_member(engine, rest);
        case name_form::service:
            return is_service(engine, rest);
        case name_form::secret:
            return std::ranges::find(secret_suffixes, rest) != secret_suffixes.end();
    }
    return false;
}

}  // namespace kubedb
