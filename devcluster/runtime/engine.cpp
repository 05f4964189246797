#include "devcluster/runtime/engine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "devcluster/runtime/mariadb.hpp"
#include "devcluster/runtime/memcached.hpp"
#include "devcluster/runtime/postgres.hpp"
#include "devcluster/runtime/redis.hpp"

namespace runtime {

std::span<const engine> all_engines() {
    static const std::array table{postgres_engine(), redis_engine(), mariadb_engine(),
                                  memcached_engine()};
    return table;
}

const engine* find_engine(std::string_view name) {
    const auto all = all_engines();
    const auto at = std::ranges::find(all, name, &engine::name);
    return at == all.end() ? nullptr : &*at;
}

std::string version_in(std::string_view text) {
    const auto is_part = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] < '0' || text[at] > '9') continue;
        auto end = at;
        while (end < text.size() && is_part(text[end])) ++end;
        const auto found = text.substr(at, end - at);
        if (found.find('.') != std::string_view::npos) return std::string(found);
        at = end;
    }
    return {};
}

std::string installed_version(const engine& which, std::string& missing) {
    for (const auto& program : which.needs) {
        if (::access(program.c_str(), X_OK) != 0) {
            missing = program;
            return {};
        }
    }
    std::string line;
    for (const auto& word : which.version_command) line += word + " ";
    auto* pipe = ::popen((line + "2>/dev/null").c_str(), "re");
    if (pipe == nullptr) return {};
    char bytes[256]{};
    const auto size = std::fread(bytes, 1, sizeof bytes - 1, pipe);
    ::pclose(pipe);
    return version_in({bytes, size});
}

base::outcome<void> write_private(const std::string& path, const std::string& text,
                                  const run_user& as) {
    // A new file in the place of the old one: nobody ever sees half of it, or has it open.
    const auto fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return base::fail(base::errc::unavailable, fmt::format("'{}' cannot be made", fresh));
    }
    const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    auto handed = hand_over(as, fresh);
    if (!handed) return handed;
    if (!whole || std::rename(fresh.c_str(), path.c_str()) != 0) {
        return base::fail(base::errc::unavailable, fmt::format("'{}' cannot be written", path));
    }
    return {};
}

}  // namespace runtime
