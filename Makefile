# Both targets do all the set-up: a fresh machine needs Python >= 3.11 and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format recipe clean
demo: .venv/installed            ## train on the bundled real digits and show the result
	$(BIN)/chainrule train digits --out digits.chainrule

test: lint                       ## lint, type-check and run every test
	$(BIN)/pytest -n auto

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

recipe: .venv/installed          ## the command line's defaults against scikit-learn (minutes)
	$(BIN)/python benchmarks/recipe.py

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
