#include "api/read_model/exposition_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "api/request_query.hpp"

namespace api {
namespace {

constexpr std::size_t part_lines = 2'000;
constexpr int gzip_level = 1;  // the lines of a family differ little
constexpr std::array<query_parameter, 2> exposition_parameters{
    {{.name = "project"}, {.name = "engine"}}};

}  // namespace

base::outcome<exposition_filter> read_exposition_filter(std::string_view query) {
    auto items = read_query(query, exposition_parameters);
    if (!items) return base::pass(std::move(items));
    exposition_filter filter;
    for (auto& item : *items) {
        (item.name == "project" ? filter.project : filter.engine) = std::move(item.value);
    }
    return filter;
}

exposition_page::exposition_page(const read_model& model, const exposition_filter& filter,
                                 const domain::visible_projects& visible, base::instant now,
                                 exposition_format format)
    : format_(format) {
    if (format.is_compressed) gzip_.emplace(gzip_level);
    const auto all = model.all();
    const auto add = [&](const list_row& row) {
        const auto& record = *row.database->record;
        if (!filter.project.empty() && record.project != filter.project) return;
        if (!filter.engine.empty() && record.engine != filter.engine) return;
        if (!visible.contains(record.project, record.id)) return;
        const auto documents = row.database->slot->documents.load();
        const bool is_fresh =
            age_of_sample(*documents->view, now).state == app::metrics_state::fresh;
        sources_.push_back({.series = documents->series, .is_fresh = is_fresh});
    };
    if (const auto* ids = visible.database_ids()) {
        for (const auto* row : model.rows_of(*all, *ids)) add(*row);
        return;
    }
    sources_.reserve(all->databases.by_name.size());
    for (const auto& row : all->databases.by_name) add(row);
}

bool exposition_page::write_part() {
    if (family_ == series_families().size()) return false;
    if (next_ == 0) write_head();
    const auto end = std::min(next_ + part_lines, sources_.size());
    for (; next_ < end; ++next_) write_line(sources_[next_]);
    if (next_ == sources_.size()) {
        next_ = 0;
        ++family_;
    }
    if (gzip_) {
        gzip_->append(text_);
        text_.clear();
    }
    return family_ < series_families().size();
}

std::string exposition_page::finish() {
    if (format_.is_open_metrics) text_ += "# EOF\n";
    if (!gzip_) return std::move(text_);
    gzip_->append(text_);
    return gzip_->finish();
}

void exposition_page::write_head() {
    const auto& family = series_families()[family_];
    const bool is_info = family.is_info && format_.is_open_metrics;
    auto name = std::string_view(family.name);
    if (is_info) name.remove_suffix(std::string_view("_info").size());
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, family.help,
                   is_info ? "info" : "gauge");
}

void exposition_page::write_line(const source& database) {
    const auto& family = series_families()[family_];
    if (family.needs_fresh && !database.is_fresh) return;
    auto ending = database.series->ending(family_);
    if (family_ == fresh_family) ending = database.is_fresh ? "} 1\n" : "} 0\n";
    if (ending.empty()) return;
    text_ += family.name;
    text_ += database.series->labels;
    text_ += ending;
}

}  // namespace api
