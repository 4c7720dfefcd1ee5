# Every target sets up what it needs. PYTHON: the interpreter to build the environment from. ARGS: passed to the command.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
ARGS ?=

.PHONY: setup system demo test lint lock bench clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it or call make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || bash tests/servers/system.sh
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

# JDK, Maven, PostgreSQL and Chromium for the tests against real servers.
system:
	@bash tests/servers/system.sh

demo: setup
	@$(BIN)/hcc-adapter demo $(ARGS)

# The tests leave the tree as they found it, and the target proves it.
test: setup system
	@before="$$(git status --porcelain 2>/dev/null)"; \
	$(BIN)/python -m pytest $(ARGS) || exit 1; \
	after="$$(git status --porcelain 2>/dev/null)"; \
	test "$$before" = "$$after" || { echo "make test: the tests changed the tree:" >&2; echo "$$after" >&2; exit 1; }

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Pins every dependency with its hash: all of them for developers, and those of the image alone.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml
lock: setup
	$(LOCK) --extra dev --upgrade -o requirements.lock
	$(LOCK) --constraint requirements.lock -o docker/requirements.lock

bench: setup
	@for script in $(filter-out %/__init__.py,$(wildcard tests/bench/*.py)); do \
	    PYTHONPATH=. $(BIN)/python "$$script" $(ARGS) || exit 1; \
	done

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find adapter tests -name __pycache__ -type d -prune -exec rm -rf {} +
