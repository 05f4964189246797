#include "main/option_reload.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

base::outcome<void> reload_options(
    const config::sources& sources, const config::loaded& start, config::loaded& current,
    obs::log& log, const std::function<base::outcome<void>(const config::options&)>& apply) {
    auto reloaded = config::load(sources);
    if (!reloaded) return base::pass(std::move(reloaded));
    if (auto used = apply(reloaded->options); !used) return used;
    const auto names = [](const std::vector<std::string>& list) {
        return fmt::format("{}", fmt::join(list, ", "));
    };
    const auto applied = config::compare(current, *reloaded).applied;
    if (!applied.empty()) log.info("options_changed", {{"options", names(applied)}});
    const auto pending = config::compare(start, *reloaded).pending;
    if (!pending.empty()) log.warning("options_need_a_restart", {{"options", names(pending)}});
    current = std::move(*reloaded);
    return base::ok();
}
