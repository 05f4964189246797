#include "api/middleware/min_revision.hpp"

#include <charconv>

#include "api/request_query.hpp"

namespace api {
namespace {

std::int64_t known_revision(const read_model& model, const app::awaited_record& record) {
    if (!record.is_project) {
        const auto documents = model.database(record.id);
        return documents ? documents->view->record->revision : 0;
    }
    const auto all = model.all();
    const auto entry = all->projects->find(record.id);
    return entry == all->projects->end() ? 0 : entry->second->revision;
}

}  // namespace

base::outcome<std::optional<app::awaited_record>> read_min_revision(const http::request& request,
                                                                    const request_context& context,
                                                                    bool is_hidden) {
    const auto target = context.route->target();
    if (target != target_kind::database && target != target_kind::project) {
        return bad_request(
            "X-Min-Revision: only for paths that name a database or a project, because lists and "
            "other objects have no revision");
    }
    app::awaited_record record{.is_project = target == target_kind::project,
                               .id = context.parameter};
    const auto text = request.headers.get(min_revision_header);
    const auto* const text_end = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), text_end, record.revision);
    if (error != std::errc() || end != text_end || record.revision < 1) {
        return bad_request("X-Min-Revision: must be the positive revision of an object");
    }
    if (is_hidden) {
        record.revision = 0;
        return record;
    }
    if (known_revision(context.api.model, record) >= record.revision) return std::nullopt;
    return record;
}

}  // namespace api
