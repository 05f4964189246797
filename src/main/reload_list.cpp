#include "main/reload_list.hpp"

#include <utility>

void reload_list::add(std::string name, reload_function reload) {
    entries_.push_back({.name = std::move(name), .reload = std::move(reload)});
}

void reload_list::run(obs::log& log) const {
    if (entries_.empty()) log.info("reload", {{"result", "nothing_to_reload"}});
    for (const auto& entry : entries_) {
        const auto reloaded = entry.reload();
        if (reloaded) {
            log.info("reload", {{"name", entry.name}, {"result", "ok"}});
        } else {
            log.error("reload", {{"name", entry.name},
                                 {"result", base::name(reloaded.error().code)},
                                 {"detail", reloaded.error().text}});
        }
    }
}
