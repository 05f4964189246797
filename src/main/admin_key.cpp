#include "main/admin_key.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/errno_text.hpp"
#include "base/read_file.hpp"

namespace {

using base::errc;

base::outcome<base::secret> read_key(const std::string& path) {
    const auto content = base::read_file(path);
    if (!content) return base::fail(errc::invalid, fmt::format("'{}' cannot be read", path));
    constexpr const char* blanks = " \t\r\n";
    const auto begin = content->find_first_not_of(blanks);
    if (begin == std::string::npos) {
        return base::fail(errc::invalid, fmt::format("'{}' is empty", path));
    }
    const auto end = content->find_last_not_of(blanks);
    return base::secret(content->substr(begin, end - begin + 1));
}

// Returns 0 or an errno. A partially written file is deleted.
int write_key(const std::string& path, const base::secret& key) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return errno;
    const base::secret line(key.reveal() + "\n");
    const auto size = line.reveal().size();
    const auto written = ::write(file, line.reveal().data(), size);
    int error = written < 0 ? errno : written == static_cast<ssize_t>(size) ? 0 : ENOSPC;
    if (error == 0 && ::fsync(file) != 0) error = errno;
    if (::close(file) != 0 && error == 0) error = errno;
    if (error != 0) ::unlink(path.c_str());
    return error;
}

}  // namespace

base::outcome<std::optional<admin_key>> obtain_admin_key(const admin_key_file& file,
                                                         const base::secret& new_key) {
    if (::access(file.path.c_str(), F_OK) == 0) {
        auto key = read_key(file.path);
        if (!key) return base::pass(std::move(key));
        return admin_key{.text = std::move(*key)};
    }
    if (file.has_administrator && !file.is_always_made) return std::nullopt;
    const int error = write_key(file.path, new_key);
    if (error == 0) return admin_key{.text = new_key, .is_new = true};
    return base::fail(errc::unavailable, fmt::format("'{}' cannot be written: {}", file.path,
                                                     base::errno_text(error)));
}
