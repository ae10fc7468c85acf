# `make help` lists what there is. Needs Python 3.11 to 3.13, make and git; everything else goes into .venv (or VENV=FOLDER).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LEAN := $(VENV)/.installed
ALL := $(VENV)/.installed-all
SCRIPT_TESTS := tests/notebook_ext/js
# The versions in constraints.txt hold for what is installed and for what builds it; pip takes the second name from 25.3 on.
PIP_INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Python up to 3.12 reads the path of an editable install in the locale's encoding.
ifneq (,$(filter C POSIX,$(LC_ALL)))
export LC_ALL := C.UTF-8
endif

.DEFAULT_GOAL := help
.PHONY: help install lock newest oldest train warm-start test jail browser lint format types contracts trainers engines clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(ALL) ## Create .venv with everything that training, the tests and the tools need (again only when requirements change)
	@echo "==> rltf is installed in $(VENV)"

$(LEAN): pyproject.toml constraints.txt
	@echo "==> creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@echo "==> installing rltf and what training needs (constraints.txt; about 1.2 GB the first time)"
	@$(PIP_INSTALL) -e .
	@touch $(LEAN)

$(ALL): $(LEAN)
	@echo "==> adding what the tests need (constraints.txt; about 1.3 GB the first time)"
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $(ALL)

lock: .venv-lock/bin/uv ## Write constraints.txt anew from pyproject.toml; ARGS=--upgrade takes the newest versions that it allows
	@UV_CUSTOM_COMPILE_COMMAND='make lock' $< pip compile --quiet --universal --python-version 3.11 --all-extras \
	  --annotation-style line --no-emit-index-url --no-emit-find-links --output-file constraints.txt $(ARGS) pyproject.toml

.venv-lock/bin/uv:
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8

newest: RESOLUTION := highest
oldest: RESOLUTION := lowest-direct
newest: ## Run the tests on the newest versions that pyproject.toml allows, in .venv-newest
oldest: ## Run the tests on the oldest versions that pyproject.toml allows, in .venv-oldest (with PYTHON=python3.11)
newest oldest: .venv-lock/bin/uv
	@rm -rf .venv-$@
	@$(PYTHON) -m venv .venv-$@
	@echo "==> installing the $@ versions (several GB with torch's libraries for GPUs)"
	@$< --no-config pip install --quiet --compile-bytecode --python .venv-$@/bin/python --resolution $(RESOLUTION) -e '.[dev]'
	@.venv-$@/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

train: $(LEAN) ## Train the embedded model online from unit-test and static feedback (a few minutes, no GPU)
	@echo "==> rltf train"
	@$(BIN)/rltf train $(ARGS)

warm-start: $(LEAN) ## Build minicode's shipped checkpoints anew (a quarter of an hour, one thread)
	@echo "==> warm start: minicode short"
	@OMP_NUM_THREADS=1 $(BIN)/python -m training.minicode warm-start --tier short
	@echo "==> warm start: minicode long"
	@OMP_NUM_THREADS=1 $(BIN)/python -m training.minicode warm-start --tier long
	@echo "==> warm start: minicode varied, which goes on from long"
	@OMP_NUM_THREADS=1 $(BIN)/python -m training.minicode warm-start --tier varied
	@echo "==> warm start: minicode uneven, which goes on from varied"
	@OMP_NUM_THREADS=1 $(BIN)/python -m training.minicode warm-start --tier uneven

test: install jail browser lint types contracts ## Run lint, types, import contracts and the whole test suite
	@$(BIN)/python -m compileall -q benchmarks engine feedback integrations notebook_ext/*.py training # for processes that write none
	@echo "==> pytest"
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

jail: ## Install what hostile programs are tested in, where that works: bubblewrap (apt); else those tests skip
	@command -v bwrap >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "==> installing bubblewrap (apt)" && apt-get update -qq >/dev/null 2>&1 \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bubblewrap >/dev/null 2>&1; } \
	  || echo "==> no bubblewrap, and apt cannot install it here: the hostile programs will be skipped"

browser: ## Install what the notebook tests drive, where that works: Chromium (apt) and jsdom (npm); else they skip
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "==> installing chromium (apt)" && apt-get update -qq >/dev/null 2>&1 \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null 2>&1; } \
	  || echo "==> no Chromium, and apt cannot install it here: the browser tests will be skipped"
	@[ -d $(SCRIPT_TESTS)/node_modules ] \
	  || { command -v npm >/dev/null && echo "==> installing jsdom (npm)" && cd $(SCRIPT_TESTS) && npm ci --silent; } \
	  || echo "==> npm is missing or cannot install here: the tests of the view's script will be skipped"

lint: install ## Check style and formatting
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: install ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: install ## Check types (mypy, strict)
	@echo "==> mypy"
	@$(BIN)/mypy

contracts: install ## Check that imports point one way
	@echo "==> import contracts"
	@$(BIN)/lint-imports

trainers: install ## Test the adapters of docs/trainers.md on the libraries themselves, in a .venv-trainers of its own
	@[ -x .venv-trainers/bin/python ] || { echo "==> creating .venv-trainers" && $(BIN)/python -m venv .venv-trainers; }
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > $$(.venv-trainers/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth
	@echo "==> installing in .venv-trainers, beside the packages of $(VENV) (200 MB):" \
	  $$(grep -E '^(trl|verl|verifiers|openrlhf|skyrl|skyrl-gym)==' tests/integrations/requirements.txt) and what they import
	@.venv-trainers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/integrations/requirements.txt
	@echo "==> pytest tests/integrations"
	@.venv-trainers/bin/python -m pytest tests/integrations

ENGINE ?= vllm
ENGINES := .venv-engines-$(ENGINE)
engines: install ## Hold a real vLLM, or ENGINE=sglang, to what docs/scaling.md says (CPU, 2.2 GB), and write its table there
	@[ -e $(ENGINES)/.installed ] || { echo "==> installing $(ENGINE) in $(ENGINES)" && $(BIN)/python -m venv $(ENGINES) \
	  && $(ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    -r benchmarks/engines-$(ENGINE)-requirements.txt && touch $(ENGINES)/.installed; }
	@echo "==> benchmarks.engines"
	@$(BIN)/python -m benchmarks.engines --engine $(ENGINE) --python $(ENGINES)/bin/python --write $(ARGS)

clean: ## Remove .venv and caches (runs/ stays)
	rm -rf $(VENV) .venv-lock .venv-trainers .venv-engines-* .venv-newest .venv-oldest .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
