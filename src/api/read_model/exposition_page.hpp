#pragma once
// The page of GET /metrics/databases, written in parts, so that its HTTP loop can serve other
// requests between them. One thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/read_model/read_model.hpp"
#include "base/clock.hpp"
#include "domain/access.hpp"
#include "http/gzip.hpp"

namespace api {

struct exposition_filter {
    std::string project{};  // empty: all
    std::string engine{};   // empty: all
};
// Errors: bad_request (a parameter that read_query() rejects).
base::outcome<exposition_filter> read_exposition_filter(std::string_view query);

struct exposition_format {
    bool is_open_metrics = false;  // OpenMetrics 1.0; otherwise the Prometheus text format 0.0.4
    bool is_compressed = false;    // gzip
};

class exposition_page {
  public:
    // Takes the databases in visible projects. `now` decides which metrics are fresh.
    exposition_page(const read_model& model, const exposition_filter& filter,
                    const domain::visible_projects& visible, base::instant now,
                    exposition_format format);
    // Writes the next part, about a millisecond of work. Returns false after the last one.
    bool write_part();
    // Returns the page. Precondition: write_part() returned false.
    [[nodiscard]] std::string finish();

  private:
    struct source {
        std::shared_ptr<const database_series> series;
        bool is_fresh = false;
    };
    void write_head();
    void write_line(const source& database);

    exposition_format format_;
    std::vector<source> sources_;
    std::optional<http::gzip_stream> gzip_;
    std::string text_;  // not compressed yet, or the whole page
    std::size_t family_ = 0;
    std::size_t next_ = 0;  // in sources_
};

}  // namespace api
