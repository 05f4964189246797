#include "base/private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <tuple>

#include "base/errno_text.hpp"

namespace base {

namespace {

// Each function returns 0 or an errno.

int write_all(int file, std::string_view content) {
    while (!content.empty()) {
        const auto written = ::write(file, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(file) == 0 ? 0 : errno;
}

int create(const std::string& path, std::string_view content) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return errno;
    const int error = write_all(file, content);
    if (::close(file) != 0 && error == 0) return errno;
    return error;
}

// The folder of a file. Writers of one folder wait for each other, so that they can use one
// temporary name and no rest of a killed process accumulates.
class locked_folder {
  public:
    explicit locked_folder(const std::filesystem::path& file)
        : descriptor_(::open(file.has_parent_path() ? file.parent_path().c_str() : ".",
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        // Some network file systems have no such locks. The writers are not serialized there.
        if (descriptor_ >= 0) std::ignore = ::flock(descriptor_, LOCK_EX);
    }
    locked_folder(const locked_folder&) = delete;
    locked_folder& operator=(const locked_folder&) = delete;
    ~locked_folder() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    // Makes new names durable. Returns 0 or an errno.
    [[nodiscard]] int sync() const { return ::fsync(descriptor_) == 0 ? 0 : errno; }

  private:
    const int descriptor_;  // negative if the folder cannot be opened
};

// Gives the complete temporary file its name. Returns 0 or -1, as rename() and link().
using publish_call = int (*)(const char* temporary, const char* path);

int write(const std::string& path, std::string_view content, publish_call publish) {
    const locked_folder folder(path);
    const auto temporary = path + ".partial";
    ::unlink(temporary.c_str());  // of a process that was killed
    int error = create(temporary, content);
    if (error == 0 && publish(temporary.c_str(), path.c_str()) != 0) error = errno;
    ::unlink(temporary.c_str());
    return error != 0 ? error : folder.sync();
}

outcome<void> result_of(const std::string& path, int error) {
    if (error == 0) return ok();
    if (error == EEXIST) return fail(errc::conflict, fmt::format("'{}' exists", path));
    return fail(errc::unavailable,
                fmt::format("'{}' cannot be written: {}", path, errno_text(error)));
}

}  // namespace

outcome<void> replace_private_file(const std::string& path, std::string_view content) {
    return result_of(path, write(path, content, ::rename));
}

outcome<void> create_private_file(const std::string& path, std::string_view content) {
    return result_of(path, write(path, content, ::link));  // fails if the name exists
}

outcome<void> create_private_folder(const std::string& path) {
    std::filesystem::path folder;
    for (const auto& part : std::filesystem::path(path)) {
        folder /= part;
        std::error_code ignored;  // mkdir() reports the reason
        if (std::filesystem::is_directory(folder, ignored)) continue;
        // Another process may have been first.
        if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) continue;
        return fail(errc::unavailable, fmt::format("the folder '{}' cannot be created: {}",
                                                   folder.string(), errno_text(errno)));
    }
    return ok();
}

std::optional<unsigned> shared_mode_of(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    const auto mode = status.st_mode & 0777U;
    return (mode & 077U) == 0 ? std::nullopt : std::optional<unsigned>(mode);
}

}  // namespace base
