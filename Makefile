# Both targets do all the set-up: a fresh machine needs Python >= 3.11, make and a C++20 compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format recipe bench bench-grid bench-kernels sanitize clean
demo: $(VENV)/installed          ## train on the bundled real digits and show the result
	$(BIN)/chainrule train digits --out digits.chainrule

test: lint                       ## lint, type-check and run every test
	$(BIN)/pytest -n auto

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

recipe: $(VENV)/installed        ## the command line's defaults against scikit-learn (minutes)
	$(BIN)/python benchmarks/recipe.py

# Against PyTorch, scikit-learn and JAX; on a quiet machine.
bench: $(VENV)/bench             ## six trainings, whole fits, single calls (minutes)
	$(BIN)/python benchmarks/speed.py --picture docs/performance.png

bench-grid: $(VENV)/bench        ## where is a peer faster? widths, depths, batches, activations, optimizers (half an hour)
	$(BIN)/python benchmarks/grid.py --minutes 30

bench-kernels: $(VENV)/bench     ## single layers and activations against the processor's peak
	$(BIN)/python benchmarks/kernels.py

# First the tools and the Python part, then the C++ part with these tools: they stay where they are, so that of the C++
# only what has changed is compiled again.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

$(VENV)/tools: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[dev]" --config-settings=wheel.cmake=false --config-settings=wheel.py-api=py3
	touch $@

$(VENV)/installed: $(VENV)/tools CMakeLists.txt $(wildcard native/*)
	$(PIP) --editable . --no-deps --no-build-isolation $(BUILD_OPTIONS)
	@ls $(VENV)/lib/python*/site-packages/chainrule/_native* >/dev/null 2>&1 || \
		echo 'The C++ part could not be compiled: networks will run on the slower "numpy" engine.' \
		'To see why: $(BIN)/pip install -v --editable . --no-deps --no-build-isolation'
	touch $@

# Only the extra: asking for the package with it would build the C++ part again.
$(VENV)/bench: $(VENV)/installed
	$(PIP) $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"])')
	touch $@

# The C++ part once more, to stop at an access out of bounds or at undefined behavior (gcc).
SANITIZE_TESTS := tests/test_native.py tests/test_engines.py tests/test_training.py
SANITIZE_OPTIONS := $(addprefix --config-settings=,build-dir=build/sanitize cmake.build-type=Debug \
	cmake.define.CHAINRULE_SANITIZE=ON)
SANITIZED := ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	LD_PRELOAD="$(foreach lib,asan ubsan stdc++,$$(gcc -print-file-name=lib$(lib).so))" .venv-sanitize/bin/python

sanitize:                        ## the tests of what calls C++, with every access watched
	$(MAKE) VENV=.venv-sanitize BUILD_OPTIONS="$(SANITIZE_OPTIONS)" .venv-sanitize/installed
	$(SANITIZED) -c "import chainrule._native"
	$(SANITIZED) -m pytest --capture=sys $(SANITIZE_TESTS)

clean:
	rm -rf .venv .venv-sanitize build dist .mypy_cache .ruff_cache .pytest_cache
