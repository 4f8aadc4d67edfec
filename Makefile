# Both targets do all the set-up: a fresh machine needs Python >= 3.11, make and a C++20 compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format docs recipe bench bench-load bench-blocks bench-grid bench-growth bench-kernels bench-gpu bench-interrupts sanitize tsan portable fuzz kill audit clean always
demo: $(VENV)/installed          ## train on the bundled real digits and show the result
	$(BIN)/chainrule train digits --out digits.chainrule

test: lint                       ## lint, types, docstrings, and every test
	$(BIN)/pytest -n auto

CPP := $(wildcard native/*.?pp tests/support/*.cpp)

lint: $(VENV)/installed          ## style, types, public docstrings, workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	$(BIN)/mypy
	$(BIN)/python tests/support/docstrings.py
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/wish.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.citation-file-format CITATION.cff

format: $(VENV)/installed        ## mend what a tool can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

# Nothing is fetched: what the pages need is in them.
docs: $(VENV)/docs               ## the site, in build/docs/html: pages, reference, and the gallery by running it (two minutes)
	rm -rf build/docs docs/generated
	$(BIN)/python -m sphinx -q -W --keep-going -n docs build/docs/html -d build/docs/doctrees
	$(BIN)/python docs/_site/check.py build/docs/html

recipe: $(VENV)/bench-tables     ## the estimators of tables against their peers, on one thread (half an hour)
	$(BIN)/python benchmarks/recipe.py

# Against PyTorch, scikit-learn and JAX; on a quiet machine.
bench: $(VENV)/bench             ## trainings, whole fits, single calls, as a user meets them (a quarter of an hour)
	$(BIN)/python benchmarks/speed.py --picture docs/performance.png

bench-load: $(VENV)/bench        ## with a busy core beside, and after large products: all threads against one (minutes)
	$(BIN)/python benchmarks/load.py

bench-grid: $(VENV)/bench        ## where is a peer faster? widths, depths, batches, activations, optimizers (half an hour)
	$(BIN)/python benchmarks/grid.py --minutes 25 $(if $(RESUME),--resume)

bench-growth: $(VENV)/bench      ## how a step grows with width, depth, batch, features and threads (five minutes)
	$(BIN)/python benchmarks/growth.py

bench-kernels: $(VENV)/bench     ## single layers and activations against the processor's peak
	$(BIN)/python benchmarks/kernels.py

bench-blocks: $(VENV)/installed ## a table of 20 GB, written, and trained on in a process of 2 GB (ten minutes; make bench-blocks GB=1)
	$(BIN)/python benchmarks/blocks.py --gb $(or $(GB),20)

bench-gpu: $(VENV)/bench         ## engine="jax" against PyTorch on the device that JAX finds (jax[cuda13] and PyTorch for it, first)
	$(BIN)/python benchmarks/gpu.py

bench-interrupts: $(VENV)/installed ## how long Ctrl-C and SIGTERM wait for their answer, from inside the kernel
	$(BIN)/python benchmarks/interrupts.py

# First the tools and the Python part, then the C++ part with these tools: they stay where they are, so that of the C++
# only what has changed is compiled again.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

$(VENV)/tools: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-compile --editable ".[dev]" --config-settings=wheel.cmake=false --config-settings=wheel.py-api=py3
	@$(BIN)/python -W ignore -m compileall -qq -j 0 $(VENV)/lib || true  # on every core; pip takes one
	touch $@

# Where the C++ part could not be compiled, the next make tries again.
# The editable install knows every Python file by its name: it is made again when one is new, moved or gone.
PYTHON_FILES := $(sort $(shell find src -name '*.py' -o -name '*.pyi'))

$(VENV)/files: $(VENV)/tools always
	@echo '$(PYTHON_FILES)' | cmp -s - $@ || echo '$(PYTHON_FILES)' >$@

$(VENV)/installed: $(VENV)/tools $(VENV)/files CMakeLists.txt $(wildcard native/*)
	$(PIP) --editable . --no-deps --no-build-isolation $(BUILD_OPTIONS)
	@if ls $(VENV)/lib/python*/site-packages/chainrule/_native* >/dev/null 2>&1; then touch $@; else \
		echo 'The C++ part could not be compiled: networks will run on the slower "numpy" engine, until the next try.' \
		'To see why: $(BIN)/pip install -v --editable . --no-deps --no-build-isolation'; fi

# Only the extra: asking for the package with it would build the C++ part again.
$(VENV)/bench $(VENV)/bench-tables $(VENV)/docs: $(VENV)/installed
	$(PIP) $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["$(@F)"])')
	touch $@

# The C++ part once more, to stop at an access out of bounds or at undefined behavior (gcc). The memory that Python and
# NumPy hand out is watched with it, so every test takes several times as long. SANITIZE_TESTS=tests/engines/test_native.py is
# the part that matters most after a change of native/. The fuzz run limits the memory of its processes, where
# AddressSanitizer cannot begin.
SANITIZE_TESTS :=
SANITIZE_OPTIONS := $(addprefix --config-settings=,build-dir=build/sanitize cmake.build-type=Debug \
	cmake.define.CHAINRULE_SANITIZE=ON)
SANITIZED := ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	LD_PRELOAD="$(foreach lib,asan ubsan stdc++,$$(gcc -print-file-name=lib$(lib).so))" .venv-sanitize/bin/python

sanitize:                        ## every test, with every access of the C++ part watched (half an hour)
	$(MAKE) VENV=.venv-sanitize BUILD_OPTIONS="$(SANITIZE_OPTIONS)" .venv-sanitize/installed
	$(SANITIZED) -c "import chainrule._native"
	$(SANITIZED) -m pytest --capture=sys -n auto --timeout=1800 --ignore=tests/files/test_fuzz.py $(SANITIZE_TESTS)

# The kernel's own threads, and several calls at once, without Python and OpenMP, which know nothing of ThreadSanitizer.
# First it must see a race that is there: where it cannot run, it would be silent.
TSAN := build/tsan/native_threads
TSAN_FLAGS := -std=c++20 -O1 -g -fsanitize=thread -pthread

tsan:                            ## a program of C++ that calls the kernel from many threads, with every access watched
	@mkdir -p build/tsan
	@echo 'int main() {}' | $(CXX) $(TSAN_FLAGS) -x c++ - -o build/tsan/empty || { \
		echo 'make tsan needs a C++20 compiler with ThreadSanitizer: g++ (12 and later), or clang++ (14 and later)' \
		'with its runtime library, by make tsan CXX=clang++.'; exit 1; }
	$(CXX) $(TSAN_FLAGS) -DCHAINRULE_ISA=baseline tests/support/native_threads.cpp \
		native/trainer.cpp native/lanes.cpp native/machine.cpp native/moderate.cpp native/kernel.cpp -o $(TSAN)
	@$(TSAN) race >$(TSAN).log 2>&1; grep -q 'ThreadSanitizer: data race' $(TSAN).log || { cat $(TSAN).log; \
		echo 'ThreadSanitizer does not report a race that is there: it does not work on this machine.'; exit 1; }
	TSAN_OPTIONS=halt_on_error=1 $(TSAN)

# As far as this machine has the compilers and emulators: the first lines of tests/support/portable.py name them.
portable: $(VENV)/installed      ## the C++ part by clang, for aarch64, musl, macOS and Windows: what can be built and run here
	@$(BIN)/python -c 'import ziglang' 2>/dev/null || $(PIP) ziglang==0.17.0 || echo 'without Zig'
	PYTHONPATH=tests $(BIN)/python -m support.portable $(FOR)

# Afterwards more of the models that are changed and used where they still load, which takes longest.
fuzz: $(VENV)/installed          ## broken and hostile files to everything that reads one (hours; make fuzz INPUTS=2400)
	PYTHONPATH=tests $(BIN)/python -m support.fuzz --inputs $(or $(INPUTS),264000)
	PYTHONPATH=tests $(BIN)/python -m support.fuzz --target use --seed 1 --inputs $(or $(INPUTS),100000)

kill: $(VENV)/installed          ## kill trainings, resume them, compare (minutes; make kill KILLS=5)
	PYTHONPATH=tests $(BIN)/python -m support.kill --kills $(or $(KILLS),100)

# pip-audit has packages of its own, which stay out of what it looks at.
# Exit codes: 1 for known vulnerabilities, 3 where something could not be checked.
audit: $(VENV)/installed         ## known vulnerabilities of what is installed, if a source of them can be reached
	@[ -d .venv-audit ] || $(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@.venv-audit/bin/python tests/support/audit.py $(VENV)/lib/python*/site-packages

clean:
	rm -rf .venv .venv-audit .venv-sanitize build dist .mypy_cache .ruff_cache .pytest_cache
