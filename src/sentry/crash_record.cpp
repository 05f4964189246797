#include "sentry/crash_record.hpp"

#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <poll.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <span>

namespace sentry {
namespace {

constexpr std::string_view first_line = "dbaas-crash 1";
constexpr std::size_t record_bytes_max = 8192;
constexpr int frames_max = 64;
// Another thread waits this often for the record.
constexpr int waits_max = 500;
constexpr int wait_milliseconds = 10;

struct named_signal {
    int number;
    std::string_view name;
};
constexpr std::array signals{named_signal{SIGSEGV, "SIGSEGV"}, named_signal{SIGABRT, "SIGABRT"},
                             named_signal{SIGBUS, "SIGBUS"}, named_signal{SIGILL, "SIGILL"},
                             named_signal{SIGFPE, "SIGFPE"}};

// The state of the handler, written before the handler is installed.
struct handler_state {
    std::array<char, 512> path{};
    std::array<char, 64> version{};
    std::array<char, 64> build_id{};
    std::uint64_t load_address = 0;
};
handler_state state;
std::atomic_flag is_handling = ATOMIC_FLAG_INIT;
std::atomic<bool> is_written{false};

// Appends text to a fixed buffer without an allocation. Drops what does not fit.
class text_buffer {
  public:
    void add(std::string_view text) noexcept {
        const auto size = std::min(text.size(), bytes_.size() - size_);
        std::memcpy(bytes_.data() + size_, text.data(), size);
        size_ += size;
    }
    void add(std::string_view key, std::uint64_t value, int base) noexcept {
        std::array<char, 24> digits{};
        const auto end =
            std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
        add(key, {digits.data(), static_cast<std::size_t>(end - digits.data())});
    }
    void add(std::string_view key, std::string_view value) noexcept {
        add(key);
        add(" ");
        add(value);
        add("\n");
    }
    [[nodiscard]] std::string_view text() const noexcept { return {bytes_.data(), size_}; }

  private:
    std::array<char, record_bytes_max> bytes_{};
    std::size_t size_ = 0;
};

std::uint64_t instruction_of(void* context) noexcept {
    const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    return static_cast<std::uint64_t>(registers.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return registers.pc;
#else
    static_cast<void>(registers);
    return 0;
#endif
}

void write_record(int signal, const siginfo_t& info, void* context) noexcept {
    const int file =
        ::open(state.path.data(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    text_buffer out;
    out.add(first_line);
    out.add("\n");
    out.add("signal", static_cast<std::uint64_t>(signal), 10);
    out.add("time", static_cast<std::uint64_t>(now.tv_sec), 10);
    out.add("version", state.version.data());
    out.add("build_id", state.build_id.data());
    // The kernel sets an address for a fault, not for a signal of kill().
    if (signal != SIGABRT && info.si_code > 0) {
        out.add("address", reinterpret_cast<std::uint64_t>(info.si_addr), 16);
    }
    const auto instruction = instruction_of(context);
    out.add("frame", instruction - state.load_address, 16);
    std::array<void*, frames_max> frames{};
    const int count = ::backtrace(frames.data(), frames_max);
    // The frames of the handler come first, up to the instruction.
    const auto all = std::span(frames).first(static_cast<std::size_t>(std::max(count, 0)));
    const auto interrupted = std::ranges::find_if(all, [instruction](const void* frame) {
        return reinterpret_cast<std::uint64_t>(frame) == instruction;
    });
    for (auto it = interrupted == all.end() ? all.begin() : interrupted + 1; it != all.end();
         ++it) {
        out.add("frame", reinterpret_cast<std::uint64_t>(*it) - state.load_address, 16);
    }
    const auto text = out.text();
    static_cast<void>(!::write(file, text.data(), text.size()));
    ::close(file);
}

void handle_crash(int signal, siginfo_t* info, void* context) noexcept {
    if (!is_handling.test_and_set()) {
        write_record(signal, *info, context);
        is_written = true;
    }
    for (int i = 0; i < waits_max && !is_written; ++i) {
        ::poll(nullptr, 0, wait_milliseconds);
    }
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    ::sigaction(signal, &standard, nullptr);
    ::raise(signal);  // delivered when the handler returns
}

template <std::size_t Size>
void copy_text(std::string_view text, std::array<char, Size>& out) {
    const auto size = std::min(text.size(), Size - 1);
    std::ranges::copy(text.substr(0, size), out.begin());
    out[size] = '\0';
}

// Returns the build id in a segment of notes, or an empty text.
std::string build_id_of(std::span<const char> notes) {
    const auto aligned = [](std::size_t size) { return (size + 3U) & ~std::size_t{3}; };
    while (notes.size() >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) header{};
        std::memcpy(&header, notes.data(), sizeof(header));
        const auto name_at = sizeof(header);
        const auto data_at = name_at + aligned(header.n_namesz);
        const auto end = data_at + aligned(header.n_descsz);
        if (end > notes.size()) return {};
        const std::string_view name(notes.data() + name_at, header.n_namesz);
        if (header.n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU\0", 4)) {
            std::string text;
            for (const char byte : notes.subspan(data_at, header.n_descsz)) {
                text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
            }
            return text;
        }
        notes = notes.subspan(end);
    }
    return {};
}

// The first object is the executable.
int read_executable(dl_phdr_info* object, std::size_t, void*) {
    state.load_address = object->dlpi_addr;
    for (const auto& segment : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
        if (segment.p_type != PT_NOTE) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr)
        const auto* notes = reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr);
        const auto id = build_id_of({notes, segment.p_memsz});
        if (!id.empty()) copy_text(id, state.build_id);
    }
    return 1;  // no further object
}

std::optional<std::uint64_t> number_in(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value, base);
    if (error != std::errc() || rest != end) return std::nullopt;
    return value;
}

bool is_word(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '-' || c == '+';
    });
}

// Returns false for an invalid line.
bool read_line(std::string_view key, std::string_view value, crash_record& out) {
    if (key == "version" || key == "build_id") {
        (key == "version" ? out.version : out.build_id) = value;
        return is_word(value);
    }
    const auto number = number_in(value, key == "signal" || key == "time" ? 10 : 16);
    if (!number) return false;
    if (key == "signal") {
        const auto it =
            std::ranges::find(signals, static_cast<int>(*number), &named_signal::number);
        if (it == signals.end()) return false;
        out.signal = it->number;
        out.signal_name = it->name;
    } else if (key == "time") {
        out.time = base::instant(std::chrono::seconds(*number & 0xFFFF'FFFFU));
    } else if (key == "address") {
        out.fault_address = *number;
    } else if (key == "frame") {
        out.frames.push_back(*number);
    }
    return true;
}

}  // namespace

std::string crash_record_path(const std::string& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (::access(folder.c_str(), W_OK) == 0) return folder + "/crash-record";
    const auto temporary = std::filesystem::temp_directory_path(error);
    return fmt::format("{}/dbaas-crash-record-{}", error ? "/tmp" : temporary.string(), ::getuid());
}

void install_crash_handler(const std::string& path, std::string_view version) {
    if (path.size() >= state.path.size()) return;
    copy_text(path, state.path);
    copy_text(version, state.version);
    ::dl_iterate_phdr(&read_executable, nullptr);
    std::array<void*, 1> frame{};
    ::backtrace(frame.data(), 1);  // loads the unwinder, which a handler must not do
    // For an overflow of the stack of the main thread.
    static std::array<char, std::size_t{64} * 1024> stack;
    stack_t alternate{};
    alternate.ss_sp = stack.data();
    alternate.ss_size = stack.size();
    ::sigaltstack(&alternate, nullptr);
    struct sigaction action{};
    action.sa_sigaction = &handle_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    for (const auto& entry : signals) ::sigaction(entry.number, &action, nullptr);
}

std::optional<crash_record> take_crash_record(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return std::nullopt;
    struct stat status{};
    const bool is_own =
        ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::getuid();
    std::string text(record_bytes_max, '\0');
    const auto size = is_own ? ::read(file, text.data(), text.size()) : 0;
    ::close(file);
    if (!is_own) return std::nullopt;
    ::unlink(path.c_str());
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return parse_crash_record(text);
}

std::optional<crash_record> parse_crash_record(std::string_view text) {
    crash_record record;
    bool is_first = true;
    while (!text.empty()) {
        const auto size = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, size);
        text.remove_prefix(std::min(size + 1, text.size()));
        if (is_first && line != first_line) return std::nullopt;
        const auto space = std::min(line.find(' '), line.size());
        const auto value = line.substr(std::min(space + 1, line.size()));
        if (!is_first && !read_line(line.substr(0, space), value, record)) return std::nullopt;
        is_first = false;
    }
    if (record.signal == 0) return std::nullopt;
    return record;
}

std::string frames_text(const crash_record& record) {
    std::string text;
    for (const auto frame : record.frames) {
        text += fmt::format("{}0x{:x}", text.empty() ? "" : " ", frame);
    }
    return text;
}

}  // namespace sentry
