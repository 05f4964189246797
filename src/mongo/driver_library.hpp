#pragma once
// The global state of libmongoc. It lives until the process ends.

namespace mongo {

// Initializes the library at the first call. Its own log, which would write parts of the URL to
// standard error, is disabled since before main(). Thread: any.
void start_driver_library();

}  // namespace mongo
