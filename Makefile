# Two commands on a fresh machine: `make recommend` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: recommend test test-long lint types contracts bench clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What the main job needs: torch, onnxruntime and ray to profile, numba to simulate; no test tools.
$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[profile,simulate,examples]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[dev]'
	touch $@ $(VENV)/.run

recommend: $(VENV)/.run
	$(BIN)/planner recommend examples/storefront/spec.yaml --out plan-storefront

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy planner profilers cloud_adapters tests/bench

contracts: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

test: lint types contracts
	$(BIN)/pytest -m 'not long and not alone' --numprocesses auto --dist loadfile --no-loadscope-reorder
	$(BIN)/pytest -m 'not long and alone' $$(grep -rl --include='*.py' 'mark\.alone' tests)

# What takes minutes because it waits for real measurements.
test-long: $(VENV)/.dev
	$(BIN)/pytest -m long

bench: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python tests/bench/run.py $(BENCH)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .planner plan-* build dist
