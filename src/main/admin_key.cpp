#include "main/admin_key.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/private_file.hpp"
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

// Errors: invalid (every user of the machine can change the file). Reading by others is no error,
// because mounted Secrets have the mode 0440 or 0444. Writing by the group is none either, because
// the kubelet gives it to the files of a volume with fsGroup.
base::outcome<void> check_mode(const std::string& path) {
    struct stat state{};
    if (::stat(path.c_str(), &state) != 0) return base::ok();  // read_key() reports it
    if ((state.st_mode & S_IWOTH) == 0) return base::ok();
    return base::fail(
        errc::invalid,
        fmt::format("'{}' has the mode {:04o}, so that every user can change the key; "
                    "set the mode 0600 (chmod 600) or, for a mounted Secret, 0440",
                    path, state.st_mode & 07777U));
}

}  // namespace

base::outcome<std::optional<admin_key>> obtain_admin_key(const admin_key_file& file,
                                                         const base::secret& new_key) {
    if (::access(file.path.c_str(), F_OK) == 0) {
        if (auto checked = check_mode(file.path); !checked) return base::pass(std::move(checked));
        auto key = read_key(file.path);
        if (!key) return base::pass(std::move(key));
        return admin_key{.text = std::move(*key)};
    }
    if (file.has_administrator && !file.is_always_made) return std::nullopt;
    const base::secret line(new_key.reveal() + "\n");
    auto written = base::create_private_file(file.path, line.reveal());
    if (!written) return base::pass(std::move(written));
    return admin_key{.text = new_key, .is_new = true};
}
