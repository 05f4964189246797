#include "mongo/driver_library.hpp"

#include <mongoc/mongoc.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// libmongoc shares the description of the topology between threads by an atomic count of
// references. It is not instrumented, so ThreadSanitizer takes the last free() for a race with an
// earlier read. Reports with a function of the library are ignored. The runtime of the sanitizer
// defines the name of this function.
extern "C" const char*
__tsan_default_suppressions() {  // NOLINT(*-identifier-naming,*-reserved-identifier)
    return "race:libmongoc-1.0.so\nrace:libbson-1.0.so\n";
}
#endif
#endif

namespace mongo {

void start_driver_library() {
    static const bool is_started = [] {
        mongoc_init();
        mongoc_log_set_handler(nullptr, nullptr);
        return true;
    }();
    (void)is_started;
}

}  // namespace mongo
