#include "main/platform_key_file.hpp"

#include <filesystem>

#include "main/admin_key.hpp"
#include "main/secret_rotation.hpp"

base::outcome<app::shared_sealer> obtain_platform_key(const config::options& options,
                                                      obs::log& log) {
    auto text = options.platform_key;
    if (text.empty() && !options.mongodb_url.empty()) return nullptr;
    if (text.empty()) {
        std::error_code error;
        std::filesystem::create_directories(options.data_dir, error);
        const auto path = options.data_dir + "/platform-key";
        auto file = obtain_admin_key({.path = path}, app::new_platform_key_text());
        if (!file) return base::pass(std::move(file));
        if ((*file)->is_new) log.info("platform_key_written", {{"path", path}});
        text = (*file)->text;
    }
    return app::make_sealer(text, options.platform_key_previous);
}

std::string platform_key_path(const std::string& path, const store_location& location) {
    if (!path.empty() || location.sqlite_path.empty()) return path;
    const auto folder = std::filesystem::path(location.sqlite_path).parent_path();
    auto next = (folder / "platform-key").string();
    return std::filesystem::exists(next) ? next : std::string();
}

base::outcome<app::shared_sealer> read_platform_key(const std::string& path) {
    if (path.empty()) return nullptr;
    const auto text = read_secret(path);
    if (!text) return base::pass(text);
    return app::make_sealer(*text, {});
}
