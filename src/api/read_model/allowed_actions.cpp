#include "api/read_model/allowed_actions.hpp"

#include <array>

#include "base/fnv1a.hpp"

namespace api {
namespace {

using enum domain::permission;

constexpr std::array actions{read_databases, update_databases, operate_databases, delete_databases,
                             read_credentials};
constexpr std::size_t set_count = std::size_t{1} << actions.size();

std::array<std::string, set_count> all_texts() {
    std::array<std::string, set_count> texts;
    for (std::size_t set = 0; set < set_count; ++set) {
        auto& text = texts[set];
        for (std::size_t i = 0; i < actions.size(); ++i) {
            if ((set >> i & 1U) == 0) continue;
            text += text.empty() ? "\"" : ",\"";
            text += domain::name(actions[i]);
            text += '"';
        }
        text = ",\"allowed_actions\":[" + text + "]";
    }
    return texts;
}

}  // namespace

allowed_actions::allowed_actions(const domain::principal& caller,
                                 const domain::resource& target) noexcept {
    static_assert(all_bits + 1 == set_count);
    if (caller.is_unlimited()) {
        bits_ = all_bits;
        return;
    }
    for (std::size_t i = 0; i < actions.size(); ++i) {
        if (domain::permits(caller, actions[i], target)) bits_ |= 1U << i;
    }
}

std::string_view allowed_actions::text() const noexcept {
    static const auto texts = all_texts();
    return texts[bits_];
}

std::uint64_t allowed_actions::mix(std::uint64_t hash) const noexcept {
    return is_all() ? hash : base::fnv1a(text(), hash);
}

http::body allowed_actions::splice(std::shared_ptr<const std::string> document) const {
    http::body body(std::move(document));
    body.split_at = body.shared->size() - 1;
    body.middle = text();
    return body;
}

void allowed_actions::append(std::string_view document, std::string& out) const {
    document.remove_suffix(1);
    out.append(document).append(text()).push_back('}');
}

}  // namespace api
