#include "domain/quota.hpp"

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace domain {

using base::errc;

usage& usage::operator+=(const usage& other) noexcept {
    databases += other.databases;
    cpu_millis += other.cpu_millis;
    memory_bytes += other.memory_bytes;
    storage_bytes += other.storage_bytes;
    return *this;
}

usage& usage::operator-=(const usage& other) noexcept {
    databases -= other.databases;
    cpu_millis -= other.cpu_millis;
    memory_bytes -= other.memory_bytes;
    storage_bytes -= other.storage_bytes;
    return *this;
}

usage usage_of(const database& record) noexcept {
    usage all{.databases = 1};
    for (const auto& group : record.topology.groups) {
        const std::int64_t members = record.topology.member_count(group);
        all.cpu_millis += group.size.cpu_millis * members;
        all.memory_bytes += group.size.memory_bytes * members;
        all.storage_bytes += group.storage.bytes * members;
    }
    return all;
}

usage limits_of(const project& owner) noexcept {
    return {.databases = owner.max_databases,
            .cpu_millis = owner.max_cpu_millis,
            .memory_bytes = owner.max_memory_bytes,
            .storage_bytes = owner.max_storage_bytes};
}

base::outcome<void> check_limits(const usage& allowed, const usage& used, const usage& more,
                                 std::string_view owner, std::string reason) {
    const auto check = [&](std::int64_t limit, std::int64_t now, std::int64_t extra,
                           std::string_view resource, auto show) -> base::outcome<void> {
        if (limit == 0 || extra <= 0 || now + extra <= limit) return {};
        return base::fail(errc::limit,
                          fmt::format("{} has {} of {} in use of {}; {} more do not fit", owner,
                                      show(now), resource, show(limit), show(extra)),
                          reason);
    };
    const auto plain = [](std::int64_t v) { return fmt::format("{}", v); };
    const auto cpu = [](std::int64_t v) { return base::format_millis(v); };
    const auto bytes = [](std::int64_t v) { return base::bytes_text(v); };
    for (const auto& checked :
         {check(allowed.databases, used.databases, more.databases, "databases", plain),
          check(allowed.cpu_millis, used.cpu_millis, more.cpu_millis, "cpu", cpu),
          check(allowed.memory_bytes, used.memory_bytes, more.memory_bytes, "memory", bytes),
          check(allowed.storage_bytes, used.storage_bytes, more.storage_bytes, "storage", bytes)}) {
        if (!checked) return checked;
    }
    return {};
}

}  // namespace domain
