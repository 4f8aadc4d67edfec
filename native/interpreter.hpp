// The interpreter's lock, and its end.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "threads.hpp"
#include "turns.hpp"

namespace chainrule {

// A thread that asks for the lock of an interpreter that has ended does not get it: up to Python 3.13 it ends there and
// then, which no C++ function above it survives, and later it hangs. So before that all calls but those of the thread
// that ends the interpreter are stopped and have their lock back (end_calls), and no other begins (Unlocked).
inline std::atomic<int> calls{0};  // that have begun to give the lock away and do not yet have it back
inline thread_local int calls_here = 0;
inline std::atomic<bool> interpreter_ends{false};
inline thread_local bool ends_here = false;

inline bool given_up() { return interpreter_ends && !ends_here; }

[[noreturn]] inline void end_thread() {
    PyErr_SetNone(PyExc_SystemExit);  // which ends a thread in silence
    throw nanobind::python_error();
}

// While this lives, others may have the interpreter's lock.
class Unlocked {
    struct Call {
        Call() {
            ++calls, ++calls_here;  // before it looks, as end_calls looks after it has said so: there may be no lock
            if (!given_up()) return;
            --calls, --calls_here;
            end_thread();
        }
        ~Call() { --calls, --calls_here; }
    };
    struct Pass {
        Pass() { turn.end(); }
        ~Pass() { turn.wait(); }
    };
    const Call call;
    const nanobind::gil_scoped_release release;
    const Pass pass;
};

inline void end_calls() {
    interpreter_ends = ends_here = true;
    const nanobind::gil_scoped_release release;
    while (calls > calls_here) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// In a forked process: the other threads are not there.
inline void forget_other_threads() {
    calls = running_calls = calls_here;
    turn.forget_others();
}

}  // namespace chainrule
