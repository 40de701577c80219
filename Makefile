# A newcomer needs `make demo` and `make test`, and for them python3 (3.11 or newer), pip and make.
#
# Each target sets up .venv as far as it needs: by uv, itself from the pinned files, or by plain pip where uv
# cannot be had. Stamps inside .venv remember what was installed, so that a second run starts at once.

PYTHON := python3
BIN := .venv/bin
ARGS :=
# Tests wait for processes and disks for a third of their time: one worker more than there are cores.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
# Tests start hundreds of processes: Python keeps what it compiled, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

# Where Python comes without ensurepip (Debian), the pip outside installs into .venv.
PIP = $$(if $(BIN)/python -m pip --version >/dev/null 2>&1; \
	then echo $(BIN)/python -m pip; else echo $(PYTHON) -m pip --python $(BIN)/python; fi)

define install
	@{ [ -x $(BIN)/uv ] && $(BIN)/uv pip install --quiet --python $(BIN)/python $(1); } \
		|| $(PIP) install --quiet --disable-pip-version-check $(1)
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: demo test chaos fuzz setup check lint types contracts dependencies bench lock clean help

demo: .venv/.runtime ## Watch the system trade recorded data (options: make demo ARGS="--for 20 --json")
	@$(BIN)/lts demo $(ARGS)

test: .venv/.dev ## Run the tests (options: make test ARGS="tests/unit -x")
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

chaos: .venv/.dev ## Kill nodes, fail disks, jump clocks: nothing may be lost or doubled (a quarter of an hour)
	@$(BIN)/pytest -m chaos tests/chaos tests/system $(ARGS)

fuzz: .venv/.dev ## Ask the API by its own description, long enough to find what a test in seconds cannot
	@LTS_EXAMPLES=300 $(BIN)/pytest --timeout 1800 tests/integration/api/test_by_its_description.py $(ARGS)

setup: .venv/.dev ## Leave a working .venv/bin/lts, with everything that the tests and checks need
	@echo "Ready: .venv/bin/lts"

check: lint types contracts dependencies ## Style, types, import contracts, dead and missing dependencies

lint: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/.dev
	@$(BIN)/mypy

contracts: .venv/.dev
	@$(BIN)/lint-imports --no-logo

dependencies: .venv/.dev
	@$(BIN)/deptry .

bench: .venv/.runtime ## Measure this machine: bus, ask, backtest, scale, orders, tick-to-order, isolation, api, mqtt (options: make bench ARGS="--json")
	@for name in bus ask backtest scale orders tick-to-order isolation api mqtt; do $(BIN)/lts bench $$name $(ARGS) || exit 1; done

# One resolution: each file takes the pins of the one before it. Renew all pins with ARGS=--upgrade.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header $(ARGS)
lock: .venv/.installer ## Write the pinned requirements anew (renew every pin: make lock ARGS=--upgrade)
	@$(COMPILE) pyproject.toml --group dev -o requirements/dev.txt
	@$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	@$(COMPILE) --group build -c requirements/dev.txt -o requirements/build.txt
	@$(COMPILE) --group installer -o requirements/installer.txt

clean: ## Remove .venv, caches and build outputs
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find actors bus lts plugins tests -name __pycache__ -prune -exec rm -rf {} +

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("LTS needs Python 3.11 or newer.")'
	@echo 'Setting up .venv: once, about a minute at most.'
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip .venv

.venv/.installer: requirements/installer.txt | .venv/bin/python
	@$(PIP) install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $< \
		|| echo 'uv cannot be had here: pip installs instead, which takes longer.'
	@touch $@

.venv/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml .venv/.installer
	$(call install,--require-hashes -r requirements/build.txt -r requirements/runtime.txt)
	$(call install,--no-build-isolation --no-deps --editable .)
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	$(call install,--require-hashes -r requirements/dev.txt)
	@touch $@
