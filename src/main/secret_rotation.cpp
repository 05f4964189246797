#include "main/secret_rotation.hpp"

#include <fmt/format.h>

#include "base/read_file.hpp"

base::outcome<base::secret> read_secret(const std::string& path) {
    auto content = base::read_file(path);
    constexpr const char* blanks = " \t\r\n";
    const auto begin = content ? content->find_first_not_of(blanks) : std::string::npos;
    if (begin == std::string::npos) {
        return base::fail(base::errc::invalid,
                          fmt::format("'{}' is empty or cannot be read", path));
    }
    return base::secret(content->substr(begin, content->find_last_not_of(blanks) - begin + 1));
}

void secret_rotation::add(std::string option, std::vector<std::string> paths,
                          std::vector<base::secret> contents, apply_function apply) {
    entries_.push_back({.option = std::move(option),
                        .paths = std::move(paths),
                        .contents = std::move(contents),
                        .apply = std::move(apply),
                        .last_error = {}});
}

// Returns whether new contents were put into use.
aio::task<bool> secret_rotation::check_entry(entry& target) {
    std::vector<base::secret> contents;
    for (const auto& path : target.paths) {
        auto content = read_secret(path);
        if (!content) co_return base::pass(std::move(content));
        contents.push_back(std::move(*content));
    }
    if (contents == target.contents) co_return false;
    auto applied = co_await target.apply(contents);
    if (!applied) co_return base::pass(std::move(applied));
    target.contents = std::move(contents);
    co_return true;
}

aio::task<> secret_rotation::check(obs::log& log) {
    if (is_checking_) co_return base::ok();
    is_checking_ = true;
    base::outcome<void> result;
    for (auto& entry : entries_) {
        const auto changed = co_await check_entry(entry);
        const auto error = changed ? std::string() : changed.error().text;
        if (changed && *changed) log.info("secret_changed", {{"option", entry.option}});
        if (!error.empty() && error != entry.last_error) {
            log.warning("secret_unusable", {{"option", entry.option},
                                            {"code", base::name(changed.error().code)},
                                            {"detail", error}});
        }
        if (!changed && result) result = base::pass(changed, entry.option);
        entry.last_error = error;
    }
    is_checking_ = false;
    co_return result;
}

aio::task<> secret_rotation::run(const base::clock& clock, obs::log& log) {
    while (true) {
        auto slept = co_await aio::sleep_for(clock, period);
        if (!slept) co_return slept;
        (void)co_await check(log);
    }
}
