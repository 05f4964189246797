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
    const auto it = std::ranges::find(all, name, &engine::name);
    return it == all.end() ? nullptr : &*it;
}

std::string version_in(std::string_view text) {
    const auto is_part = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    for (std::size_t index = 0; index < text.size(); ++index) {
        if (text[index] < '0' || text[index] > '9') continue;
        auto end = index;
        while (end < text.size() && is_part(text[end])) ++end;
        const auto version = text.substr(index, end - index);
        if (version.find('.') != std::string_view::npos) return std::string(version);
        index = end;
    }
    return {};
}

std::string installed_version(const engine& entry, std::string& missing) {
    for (const auto& program : entry.needs) {
        if (::access(program.c_str(), X_OK) != 0) {
            missing = program;
            return {};
        }
    }
    std::string line;
    for (const auto& word : entry.version_command) line += word + " ";
    auto* pipe = ::popen((line + "2>/dev/null").c_str(), "re");
    if (pipe == nullptr) return {};
    char bytes[256]{};
    const auto size = std::fread(bytes, 1, sizeof bytes - 1, pipe);
    ::pclose(pipe);
    return version_in({bytes, size});
}

base::outcome<void> write_private(const std::string& path, const std::string& text,
                                  const run_user& as) {
    // Replaces the file, so that no reader sees a partial one.
    const auto fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return base::fail(base::errc::unavailable, fmt::format("'{}' cannot be made", fresh));
    }
    const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    auto handed = change_owner(as, fresh);
    if (!handed) return handed;
    if (!whole || std::rename(fresh.c_str(), path.c_str()) != 0) {
        return base::fail(base::errc::unavailable, fmt::format("'{}' cannot be written", path));
    }
    return {};
}

}  // namespace runtime
