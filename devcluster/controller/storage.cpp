#include "devcluster/controller/storage.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/random_id.hpp"

namespace controller {
namespace {

namespace fs = std::filesystem;

std::string trash_of(const host& with) {
    return with.data_dir + "/.trash";
}

void delete_later(const host& with, std::string path) {
    const auto work = [path] {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    };
    if (!with.pool.submit(work)) work();  // a full queue: the loop does it
}

}  // namespace

std::string folder_of(const host& with, const wanted_database& of) {
    return fmt::format("{}/{}/{}/{}", with.data_dir, of.engine, of.ns, of.name);
}

std::string folder_of(const host& with, const wanted_database& of, int ordinal) {
    return folder_of(with, of) + "/" + member_name(of, ordinal);
}

base::outcome<void> make_folder(const host& with, const std::string& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        return base::fail(base::errc::unavailable,
                          fmt::format("'{}' cannot be made: {}", folder, error.message()));
    }
    fs::permissions(folder, fs::perms::owner_all, error);
    // Everything down to the member's folder must be passable for its user.
    const auto top = fs::path(with.data_dir).parent_path();
    for (auto path = fs::path(folder); path != top; path = path.parent_path()) {
        auto handed = runtime::hand_over(with.as, path.string());
        if (!handed) return handed;
    }
    return {};
}

void discard_folder(const host& with, const std::string& folder) {
    std::error_code error;
    if (!fs::exists(folder, error)) return;
    fs::create_directories(trash_of(with), error);
    const auto aside = trash_of(with) + "/" + base::random_id("");
    fs::rename(folder, aside, error);
    if (error) {
        fs::remove_all(folder, error);
        return;
    }
    delete_later(with, aside);
}

void empty_trash(const host& with) {
    std::error_code error;
    for (const auto& each : fs::directory_iterator(trash_of(with), error)) {
        delete_later(with, each.path().string());
    }
}

std::set<std::string> stored_members(const host& with, const wanted_database& of) {
    std::set<std::string> found;
    std::error_code error;
    for (const auto& each : fs::directory_iterator(folder_of(with, of), error)) {
        found.insert(each.path().filename().string());
    }
    return found;
}

std::set<std::string> stored_databases(const host& with, std::string_view engine) {
    std::set<std::string> found;
    std::error_code error;
    const auto root = fs::path(with.data_dir) / engine;
    for (const auto& home : fs::directory_iterator(root, error)) {
        for (const auto& each : fs::directory_iterator(home.path(), error)) {
            found.insert(home.path().filename().string() + "/" + each.path().filename().string());
        }
    }
    return found;
}

}  // namespace controller
