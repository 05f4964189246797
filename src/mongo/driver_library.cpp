#include "mongo/driver_library.hpp"

#include <mongoc/mongoc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

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

namespace {

// libmongoc 1 initializes itself when it is loaded, before any constructor of the program. It then
// creates the shared memory of its counters, named after the pid. If a killed process with the same
// pid has left such a name, which is the rule for a restarted container, it writes a warning to
// standard error, between the lines of the program's log. Only functions in .preinit_array run
// before that (System V ABI, "Initialization and Termination Functions").
void disable_driver_log(int /*argc*/, char** /*argv*/, char** /*environment*/) {
    mongoc_log_set_handler(nullptr, nullptr);
}
[[gnu::section(".preinit_array"), gnu::used,
  gnu::retain]] void (*const before_libraries)(int, char**, char**) = disable_driver_log;

// Removes the name of that shared memory: nothing reads it, and a killed process would leave it.
[[gnu::constructor]] void unlink_driver_counters() {
    shm_unlink(("/mongoc-" + std::to_string(getpid())).c_str());
}

}  // namespace

void start_driver_library() {
    static const bool is_started = [] {
        mongoc_init();
        return true;
    }();
    (void)is_started;
}

}  // namespace mongo
