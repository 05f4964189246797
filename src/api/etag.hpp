#pragma once
// Entity tags (RFC 9110, 8.8.3): what a document's tag is made of, and what If-Match reads out of
// one. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/types.hpp"
#include "http/message.hpp"

namespace api {

// Tells contents apart (FNV-1a); `from` is the digest of what stands before the text.
constexpr std::uint64_t digest(std::string_view text,
                               std::uint64_t from = 14695981039346656037ULL) noexcept {
    for (const char c : text) from = (from ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return from;
}

// How often something was published. Each process counts anew: its generation, a random word, keeps
// the tags of two apart.
struct publication {
    std::string_view generation;
    std::uint64_t version = 0;
};

// "REVISION-GENERATION.VERSION": the revision moves with writes alone, the version with whatever is
// observed.
std::string etag_of(std::int64_t revision, const publication& seen);
// W/"GENERATION.VERSION": for what changes by itself.
std::string weak_etag_of(const publication& seen);
// "REVISION-CREATION": a project is its record; one made anew under the name begins at 1 again.
std::string etag_of(const domain::project& record);
// "DIGEST": of what never changes.
std::string etag_of_content(std::string_view text);

// The revision in a tag of ours, which is what a write is checked by. Nothing: the tag is weak or
// not ours, and fits nothing.
std::optional<std::int64_t> revision_of(const http::entity_tag& tag);

// Whether an If-None-Match header names this entity tag (RFC 9110 13.1.2; weak comparison).
bool is_known(std::string_view if_none_match, std::string_view etag) noexcept;

}  // namespace api
