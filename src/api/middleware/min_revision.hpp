#pragma once
// The header X-Min-Revision: the least revision of the object that a response must be based on. A
// client sends the revision of its last write, so that it reads that write from any replica. Inside
// api only.

#include <optional>

#include "api/context.hpp"
#include "app/live_reads.hpp"
#include "http/message.hpp"

namespace api {

inline constexpr std::string_view min_revision_header = "X-Min-Revision";

// Returns the record that the request waits for; nothing if the read model contains it.
// `is_hidden`: the object is missing, or the caller may not see it. Then the record has no
// revision, so that the request reads the store once in both cases. Errors: bad_request (the header
// has no positive integer, or the path names neither a database nor a project). Preconditions: the
// request has the header, and `context.route` is set.
base::outcome<std::optional<app::awaited_record>> read_min_revision(const http::request& request,
                                                                    const request_context& context,
                                                                    bool is_hidden);

}  // namespace api
