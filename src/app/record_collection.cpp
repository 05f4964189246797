#include "app/record_collection.hpp"

namespace app {

std::map<std::string, ports::document_version> record_collection::known_versions() const {
    std::map<std::string, ports::document_version> result;
    switch (kind_) {
        case record_kind::database:
            for (const auto& [id, database] : cache_.databases()) {
                result.emplace(id, known_version(id));
            }
            break;
        case record_kind::project:
            for (const auto& [name, project] : cache_.projects()) {
                result.emplace(name, known_version(name));
            }
            break;
        case record_kind::operation:  // archived operations are written once
            for (const auto& [id, operation] : cache_.archived()) {
                result.emplace(id, ports::document_version{.revision = archived_revision});
            }
            break;
    }
    return result;
}

ports::document_version record_collection::known_version(const std::string& id) const {
    ports::revision revision = 0;
    if (kind_ == record_kind::database) {
        const auto it = cache_.databases().find(id);
        if (it != cache_.databases().end()) revision = it->second.record->revision;
    } else if (kind_ == record_kind::project) {
        const auto project = cache_.project(id);
        if (project) revision = project->revision;
    } else if (cache_.archived().contains(id)) {
        revision = archived_revision;
    }
    if (revision == 0) return {};
    return {.revision = revision, .write_id = records_.write_id(kind_, id)};
}

}  // namespace app
