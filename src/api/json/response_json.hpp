#pragma once
// Encodes the platform's objects as JSON documents of the API. Pure.

#include <string>

#include "app/platform.hpp"
#include "json/json_writer.hpp"
#include "ports/cluster.hpp"

namespace api {

void write(json::writer& out, const app::database_view& view);
void write_status(json::writer& out, const app::database_view& view);
void write(json::writer& out, const domain::operation& operation);
void write(json::writer& out, const domain::project& project);
void write(json::writer& out, const domain::event& event);
void write(json::writer& out, const ports::credentials& login);

template <class Object>
std::string encode(const Object& object) {
    std::string text;
    json::writer out(text);
    write(out, object);
    return text;
}

// The metrics document in two halves. The members that depend on the time of the request ("status",
// "reason", "message" and "age_seconds") go between them.
struct metrics_document {
    std::string text;
    std::size_t split_at = 0;
};
metrics_document encode_metrics(const app::database_view& view);
// How old the newest sample is at the time of a request.
struct sample_age {
    app::metrics_state state = app::metrics_state::pending;
    std::string_view reason{};              // of a state other than fresh; belongs to the view
    std::string_view message{};             // of a failed scrape; belongs to the view
    std::optional<std::int64_t> seconds{};  // nothing without a sample
};
// A fresh sample becomes stale when it is older than three intervals.
sample_age age_of_sample(const app::database_view& view, base::instant now);
// Returns the members between the halves.
std::string encode_age(const sample_age& age);

}  // namespace api
