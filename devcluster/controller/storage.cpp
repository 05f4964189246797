#include "devcluster/controller/storage.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/random_id.hpp"

namespace controller {
namespace {

namespace fs = std::filesystem;

std::string trash_of(const operator_deps& deps) {
    return deps.data_dir + "/.trash";
}

void delete_later(const operator_deps& deps, std::string path) {
    const auto work = [path] {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    };
    if (!deps.pool.submit(work)) work();  // the queue is full: erases on the loop
}

}  // namespace

std::string folder_of(const operator_deps& deps, const wanted_database& wanted) {
    return fmt::format("{}/{}/{}/{}", deps.data_dir, wanted.engine, wanted.ns, wanted.name);
}

std::string folder_of(const operator_deps& deps, const wanted_database& wanted, int ordinal) {
    return folder_of(deps, wanted) + "/" + member_name(wanted, ordinal);
}

base::outcome<void> make_folder(const operator_deps& deps, const std::string& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        return base::fail(base::errc::unavailable,
                          fmt::format("'{}' cannot be made: {}", folder, error.message()));
    }
    fs::permissions(folder, fs::perms::owner_all, error);
    // The engines' user must be able to enter every folder on the path.
    const auto top = fs::path(deps.data_dir).parent_path();
    for (auto path = fs::path(folder); path != top; path = path.parent_path()) {
        auto handed = runtime::change_owner(deps.as, path.string());
        if (!handed) return handed;
    }
    return {};
}

void discard_folder(const operator_deps& deps, const std::string& folder) {
    std::error_code error;
    if (!fs::exists(folder, error)) return;
    fs::create_directories(trash_of(deps), error);
    const auto aside = trash_of(deps) + "/" + base::random_id("");
    fs::rename(folder, aside, error);
    if (error) {
        fs::remove_all(folder, error);
        return;
    }
    delete_later(deps, aside);
}

void delete_trash(const operator_deps& deps) {
    std::error_code error;
    for (const auto& each : fs::directory_iterator(trash_of(deps), error)) {
        delete_later(deps, each.path().string());
    }
}

std::set<std::string> stored_members(const operator_deps& deps, const wanted_database& wanted) {
    std::set<std::string> names;
    std::error_code error;
    for (const auto& each : fs::directory_iterator(folder_of(deps, wanted), error)) {
        names.insert(each.path().filename().string());
    }
    return names;
}

std::set<std::string> stored_databases(const operator_deps& deps, std::string_view engine) {
    std::set<std::string> names;
    std::error_code error;
    const auto root = fs::path(deps.data_dir) / engine;
    for (const auto& ns_folder : fs::directory_iterator(root, error)) {
        for (const auto& each : fs::directory_iterator(ns_folder.path(), error)) {
            names.insert(ns_folder.path().filename().string() + "/" +
                         each.path().filename().string());
        }
    }
    return names;
}

}  // namespace controller
