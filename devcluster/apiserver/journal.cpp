#include "devcluster/apiserver/journal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace apiserver {

base::outcome<std::unique_ptr<journal>> journal::open(
    const std::string& path, const std::function<base::outcome<void>(std::string_view)>& take,
    const std::function<void(const std::function<void(std::string_view)>&)>& snapshot) {
    if (std::ifstream present(path, std::ios::binary); present) {
        std::string line;
        while (std::getline(present, line)) {
            if (present.eof()) break;  // no newline at its end: torn
            auto taken = take(line);
            if (!taken) return base::pass(std::move(taken), path);
        }
    }
    const auto fresh = path + ".new";
    {
        std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
        snapshot([&out](std::string_view line) { out << line << '\n'; });
        if (!out.flush()) {
            return base::fail(base::errc::unavailable, fmt::format("'{}' cannot be written: {}",
                                                                   fresh, std::strerror(errno)));
        }
    }
    std::error_code error;
    std::filesystem::rename(fresh, path, error);
    auto made = std::make_unique<journal>();
    made->file_.reset(error ? nullptr : std::fopen(path.c_str(), "ae"));
    if (!made->file_) {
        return base::fail(base::errc::unavailable,
                          fmt::format("'{}' cannot be written: {}", path, std::strerror(errno)));
    }
    return made;
}

void journal::append(std::string_view line) {
    std::fwrite(line.data(), 1, line.size(), file_.get());
    std::fputc('\n', file_.get());
    std::fflush(file_.get());
}

}  // namespace apiserver
