#pragma once
// Lines that outlive the process: appended as they come, rewritten as a snapshot at each start. A
// torn last line (kill -9, full disk) is dropped. Lines hold no newline.

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace apiserver {

class journal {
  public:
    // Reads the file's lines into `take`, then puts what `snapshot` gives in its place. Failures:
    // unavailable (names the file), what `take` fails with.
    static base::outcome<std::unique_ptr<journal>> open(
        const std::string& path, const std::function<base::outcome<void>(std::string_view)>& take,
        const std::function<void(const std::function<void(std::string_view)>&)>& snapshot);
    // In the kernel's hands when it returns: survives kill -9.
    void append(std::string_view line);

  private:
    struct closer {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };
    std::unique_ptr<std::FILE, closer> file_;
};

}  // namespace apiserver
