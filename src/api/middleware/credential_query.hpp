#pragma once
// Finds credentials in query strings. Logs and histories keep URLs, so such requests are rejected.
// Pure. Inside api only.

#include <string_view>

namespace api {

// Returns whether a parameter has a name that clients use for credentials, in any case and with
// any separator ("api_key", "Api-Key", "apikey", percent-encoded), or whether a value contains an
// API key or a token. A parameter that cannot be decoded is not a credential.
bool has_credential(std::string_view query);

}  // namespace api
