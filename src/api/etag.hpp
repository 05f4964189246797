#pragma once
// Entity tags (RFC 9110, 8.8.3). They depend on content alone, so that every process gives the same
// content the same tag. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/seen_version.hpp"
#include "http/message.hpp"

namespace api {

// Returns "REVISION-HASH" for a document with a revision. The revision moves with writes, the hash
// of the document with everything that is observed as well.
std::string etag_of(std::int64_t revision, std::uint64_t hash);
// Returns "REVISION-INCARNATION-HASH" for an object whose name can be used again after its
// deletion: the creation of the object is a part of its tag.
std::string etag_of(std::int64_t revision, base::instant created_at, std::uint64_t hash);
// Returns the hash of a database's document without `observed_at`. Each replica has its own time of
// the last observation, and the tag must be the same on all of them.
std::uint64_t hash_of_database(std::string_view document);
// Returns W/"HASH", or W/"HASH-STATE" if a state is given. For documents that contain an age, and
// for lists, whose compressed and plain bodies share the tag.
std::string weak_etag_of(std::uint64_t hash, std::string_view state = {});
// Returns "HASH" for a document without a revision.
std::string etag_of_content(std::string_view text);

// Returns the version in a tag, which is what If-Match compares. Nothing if the tag contains no
// revision. The weak form of a tag with a revision has it too: nginx makes the tag weak when it
// compresses the response, and the comparison of versions needs no byte-equal bodies.
std::optional<app::seen_version> version_of(const http::entity_tag& tag);

// Returns whether an If-None-Match header contains the tag (RFC 9110, 13.1.2; weak comparison). A
// suffix that a compressing proxy appended ("-gzip") is ignored. Precondition: `etag` is an entity
// tag.
bool is_known(std::string_view if_none_match, std::string_view etag) noexcept;
// Like is_known() for documents that have a tag per content coding: suffixes are significant.
bool is_known_encoding(std::string_view if_none_match, std::string_view etag) noexcept;

}  // namespace api
