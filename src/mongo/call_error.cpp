#include "mongo/call_error.hpp"

#include <mongoc/mongoc.h>

namespace mongo {
namespace {

using base::errc;

// The codes of the server, from error_codes.yml of MongoDB.
error_kind kind_of_server_code(std::uint32_t code, bool is_retryable) noexcept {
    switch (code) {
        case 11000:  // DuplicateKey
        case 11001:
        case 12582:
            return error_kind::duplicate_key;
        case 10107:  // NotWritablePrimary
        case 13435:  // NotPrimaryNoSecondaryOk
        case 10058:
            return error_kind::not_primary;
        case 189:    // PrimarySteppedDown
        case 11602:  // InterruptedDueToReplStateChange
        case 11600:  // InterruptedAtShutdown
        case 91:     // ShutdownInProgress
        case 13436:  // NotPrimaryOrSecondary
        case 11601:  // Interrupted
        case 6:      // HostUnreachable
        case 7:      // HostNotFound
        case 89:     // NetworkTimeout
        case 9001:   // SocketException
        case 262:    // ExceededTimeLimit
            return error_kind::interrupted;
        case 64:   // WriteConcernFailed
        case 100:  // UnsatisfiableWriteConcern
        case 79:   // UnknownReplWriteConcern
            return error_kind::write_unconfirmed;
        case 50:  // MaxTimeMSExpired
            return error_kind::expired;
        case 10334:  // BSONObjectTooLarge
        case 17419:
        case 17420:
            return error_kind::too_large;
        case 67:  // CannotCreateIndex
        case 85:  // IndexOptionsConflict
        case 86:  // IndexKeySpecsConflict
            return error_kind::index_conflict;
        case 13:  // Unauthorized
        case 18:  // AuthenticationFailed
            return error_kind::denied;
        default:
            return is_retryable ? error_kind::interrupted : error_kind::other;
    }
}

error_kind kind_of_driver_code(std::uint32_t domain, std::uint32_t code) noexcept {
    switch (domain) {
        case MONGOC_ERROR_SERVER_SELECTION:
        case MONGOC_ERROR_POOL:
            return error_kind::not_sent;
        case MONGOC_ERROR_STREAM:
            return code == MONGOC_ERROR_STREAM_CONNECT ||
                           code == MONGOC_ERROR_STREAM_NAME_RESOLUTION ||
                           code == MONGOC_ERROR_STREAM_NOT_ESTABLISHED
                       ? error_kind::not_sent
                       : error_kind::connection_lost;
        case MONGOC_ERROR_CLIENT:
            if (code == MONGOC_ERROR_CLIENT_AUTHENTICATE) return error_kind::denied;
            return code == MONGOC_ERROR_CLIENT_NOT_READY ? error_kind::not_sent : error_kind::other;
        case MONGOC_ERROR_SASL:
        case MONGOC_ERROR_SCRAM:
            return error_kind::denied;
        case MONGOC_ERROR_PROTOCOL:
            return error_kind::connection_lost;
        case MONGOC_ERROR_WRITE_CONCERN:
            return error_kind::write_unconfirmed;
        case MONGOC_ERROR_BSON:
            return code == MONGOC_ERROR_BSON_INVALID ? error_kind::too_large : error_kind::other;
        default:
            return error_kind::other;
    }
}

}  // namespace

std::string_view name(error_kind kind) noexcept {
    switch (kind) {
        case error_kind::duplicate_key:
            return "duplicate_key";
        case error_kind::not_primary:
            return "not_primary";
        case error_kind::interrupted:
            return "interrupted";
        case error_kind::not_sent:
            return "not_sent";
        case error_kind::connection_lost:
            return "connection_lost";
        case error_kind::write_unconfirmed:
            return "write_unconfirmed";
        case error_kind::expired:
            return "expired";
        case error_kind::too_large:
            return "too_large";
        case error_kind::denied:
            return "denied";
        case error_kind::index_conflict:
            return "index_conflict";
        case error_kind::other:
            return "other";
    }
    return "other";
}

call_error translate(const driver_error& error) {
    const auto kind = error.is_from_server ? kind_of_server_code(error.code, error.is_retryable)
                                           : kind_of_driver_code(error.domain, error.code);
    return {.kind = kind, .text = std::string(error.text)};
}

bool may_be_applied(error_kind kind) noexcept {
    switch (kind) {
        case error_kind::interrupted:
        case error_kind::connection_lost:
        case error_kind::write_unconfirmed:
        case error_kind::expired:
        case error_kind::other:
            return true;
        case error_kind::duplicate_key:
        case error_kind::not_primary:
        case error_kind::not_sent:
        case error_kind::too_large:
        case error_kind::denied:
        case error_kind::index_conflict:
            return false;
    }
    return true;
}

bool is_worth_retry(error_kind kind) noexcept {
    return kind == error_kind::not_primary || kind == error_kind::interrupted ||
           kind == error_kind::connection_lost;
}

bool is_disconnect(error_kind kind) noexcept {
    return is_worth_retry(kind) || kind == error_kind::not_sent || kind == error_kind::denied;
}

base::failure as_failure(const call_error& error) {
    return {.code = error.kind == error_kind::denied ? errc::denied : errc::unavailable,
            .text = "MongoDB: " + error.text};
}

base::failure as_read_failure(error_kind kind) {
    base::failure failure{.code = errc::unavailable, .text = "the store did not respond"};
    if (is_disconnect(kind)) failure.text = "the store is not connected";
    return failure;
}

base::failure as_write_failure(error_kind kind, bool is_unconfirmed) {
    if (is_unconfirmed || may_be_applied(kind)) {
        return {.code = errc::unavailable,
                .text = "the store did not confirm the write, which may have happened",
                .reason = "write_unconfirmed"};
    }
    if (kind == error_kind::too_large) {
        return {.code = errc::limit, .text = "the document is too large for the store"};
    }
    base::failure failure{.code = errc::unavailable, .text = "the store is not connected"};
    failure.set_cause(ports::store_cause::not_started);
    return failure;
}

}  // namespace mongo
