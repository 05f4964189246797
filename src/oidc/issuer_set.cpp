#include "oidc/issuer_set.hpp"

#include <algorithm>
#include <utility>

namespace oidc {

issuer_set::issuer_set(issuer::deps deps, std::vector<issuer_options> options)
    : deps_(std::move(deps)) {
    use(std::move(options));
}

void issuer_set::use(std::vector<issuer_options> options) {
    list next;
    auto names = std::make_shared<name_list>();
    for (auto& wanted : options) {
        names->push_back(wanted.name);
        const auto present = std::ranges::find_if(
            issuers_, [&](const auto& candidate) { return candidate->options() == wanted; });
        next.push_back(present != issuers_.end()
                           ? *present
                           : std::make_shared<issuer>(deps_, std::move(wanted)));
    }
    issuers_ = std::move(next);
    names_.store(std::move(names));
}

std::shared_ptr<issuer> issuer_set::find(std::string_view name) const {
    const auto source = std::ranges::find_if(
        issuers_, [&](const auto& candidate) { return candidate->options().name == name; });
    return source == issuers_.end() ? nullptr : *source;
}

}  // namespace oidc
