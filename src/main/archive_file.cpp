#include "main/archive_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include "base/private_file.hpp"
#include "base/read_file.hpp"
#include "http/gzip.hpp"
#include "token/passphrase_seal.hpp"

namespace {

namespace fs = std::filesystem;
using base::errc;

constexpr std::string_view name_prefix = "dbaas-";
constexpr std::string_view name_suffix = ".export";
constexpr std::size_t text_bytes_max = std::size_t{8} << 30;  // after decompression

}  // namespace

base::outcome<base::secret> read_passphrase(const std::string& path) {
    auto content = base::read_file(path);
    if (!content) return base::fail(errc::invalid, fmt::format("'{}' cannot be read", path));
    content->resize(content->find_last_not_of("\r\n") + 1);
    if (content->empty()) return base::fail(errc::invalid, fmt::format("'{}' is empty", path));
    return base::secret(std::move(*content));
}

std::string archive_path(const std::string& target, base::instant now) {
    if (!target.ends_with('/')) return target;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    const auto day = std::chrono::floor<std::chrono::days>(seconds);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(seconds - day);
    return fmt::format("{}{}{:04}{:02}{:02}T{:02}{:02}{:02}Z{}", target, name_prefix,
                       static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), time.hours().count(),
                       time.minutes().count(), time.seconds().count(), name_suffix);
}

base::outcome<void> write_archive(const std::string& path, std::string_view text,
                                  const std::optional<base::secret>& passphrase) {
    auto content = http::gzip(text);
    if (passphrase) {
        auto sealed = token::seal(*passphrase, content);
        if (!sealed) return base::pass(std::move(sealed));
        content = std::move(*sealed);
    }
    return base::replace_private_file(path, content);
}

base::outcome<std::string> load_archive(const std::string& path,
                                        const std::optional<base::secret>& passphrase) {
    auto content = base::read_file(path);
    if (!content) return base::fail(errc::not_found, fmt::format("'{}' cannot be read", path));
    if (token::is_sealed(*content)) {
        if (!passphrase) {
            return base::fail(errc::invalid,
                              fmt::format("'{}' is encrypted: --passphrase-file is missing", path));
        }
        auto text = token::unseal(*passphrase, *content);
        if (!text) return base::pass(std::move(text), path);
        content = std::move(*text);
    }
    auto text = http::gunzip(*content, text_bytes_max);
    if (!text) return base::pass(std::move(text), path);
    return text;
}

base::outcome<std::size_t> delete_old_archives(const std::string& folder, std::size_t count) {
    std::error_code error;
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with(name_prefix) && name.ends_with(name_suffix)) {
            paths.push_back(entry.path());
        }
    }
    std::ranges::sort(paths);  // the names contain the time
    const auto excess = paths.size() > count ? paths.size() - count : 0;
    for (std::size_t i = 0; i < excess && !error; ++i) fs::remove(paths[i], error);
    if (!error) return excess;
    return base::fail(errc::unavailable, fmt::format("'{}': {}", folder, error.message()));
}
