#pragma once
// The errors of calls to MongoDB: the translation of the codes of the driver and of the server to
// the few kinds that change how the store continues, and to the failures of the port. Pure.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "ports/document_store.hpp"

namespace mongo {

enum class error_kind : std::uint8_t {
    duplicate_key,      // another document has the _id or the unique value
    not_primary,        // the server does not accept writes; it applied nothing
    interrupted,        // the server stopped the command; the effect is unknown
    not_sent,           // there is no server or no connection; nothing was sent
    connection_lost,    // the connection broke or timed out after the command was sent
    write_unconfirmed,  // the primary applied the write, but a majority has not confirmed it
    expired,            // the server stopped the command at its time limit
    too_large,          // the document exceeds the limit of the server
    denied,             // wrong credentials or no permission
    index_conflict,     // an index of the same name or key has another definition
    other
};

[[nodiscard]] std::string_view name(error_kind kind) noexcept;

struct call_error {
    error_kind kind = error_kind::other;
    std::string text;
};

template <class T>
using call_result = std::expected<T, call_error>;

// An error as the driver reports it. The texts of the driver contain no credentials.
struct driver_error {
    bool is_from_server = false;  // `code` is a code of MongoDB, else of the driver
    std::uint32_t domain = 0;     // of the driver
    std::uint32_t code = 0;
    std::string_view text;
    bool is_retryable = false;  // the response has the label RetryableWriteError
};

call_error translate(const driver_error& error);

// Returns true if the write may have been applied in spite of the error.
[[nodiscard]] bool may_be_applied(error_kind kind) noexcept;
// Returns true if the same call can succeed on a new connection or on the new primary.
[[nodiscard]] bool is_worth_retry(error_kind kind) noexcept;
// Returns true if the error means that the store has no usable primary.
[[nodiscard]] bool is_disconnect(error_kind kind) noexcept;

// Returns the failure with the text of the driver, which names hosts: for the log.
base::failure as_failure(const call_error& error);
// Returns the failure of the port, which clients of the API may see. The code is unavailable,
// except for too_large (limit). An unconfirmed write has the reason "write_unconfirmed".
base::failure as_read_failure(error_kind kind);
base::failure as_write_failure(error_kind kind, bool is_unconfirmed);

}  // namespace mongo
