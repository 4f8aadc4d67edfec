// Memory for vectors: aligned, in huge pages where it is large, not initialized.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chainrule {

// A line of the cache, and the widest vector: 64 bytes on x86-64 and on most of AArch64.
constexpr size_t CACHE_LINE = 64;
// A huge page of x86-64 and AArch64 with Linux. On a Sapphire Rapids server they made reads from memory 5 to 50 %
// faster.
constexpr size_t HUGE_PAGE = size_t{2} << 20;

template <class T> class Memory {
  public:
    Memory() = default;

    explicit Memory(int64_t count) {
        const size_t size = size_t(count) * sizeof(T);
        const bool huge = size >= 2 * HUGE_PAGE;
        const size_t unit = huge ? HUGE_PAGE : CACHE_LINE, bytes = (size + unit - 1) / unit * unit;
        void* const memory = std::aligned_alloc(unit, bytes);
        if (!memory) throw std::bad_alloc();
#if defined(__linux__)
        if (huge) madvise(memory, bytes, MADV_HUGEPAGE);  // refused on some systems, which does no harm
#endif
        data.reset(static_cast<T*>(memory));
    }

    T* get() const { return data.get(); }

  private:
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    std::unique_ptr<T[], Free> data;
};

}  // namespace chainrule
