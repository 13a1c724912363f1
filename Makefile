# Every target sets up what it needs, says what it is doing, and takes seconds the second time.
#   make demo MODEL=file.gguf      the demonstration with a language model of yours
#   make bench OUT=file.json       figures also as a file; FULL=1 adds a manual of 1,335 pages
#   make bench-engine              EDGE_LLAMA_SERVER=path names a llama-server, else it is built (8 minutes of one core)
# llama.cpp, the embedder and packs are kept in ~/.cache/edge-build (or EDGE_BUILD_CACHE); `make clean` leaves them there.
# Judged collections (Cranfield, CACM, SQuAD) are looked for in EDGE_EVAL; manuals come from the Debian archive.

PYTHON ?= python3
PYTEST ?= -n 2 -m "not slow"
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
PINS   := build/requirements.txt build/requirements-dev.txt
LLAMA  := build/llama_wheel.py build/llama.cmake build/fetch.py build/requirements-llama.txt build/requirements-build.txt
PAGE   := edge/server/page/source
EMBEDDER := edge/weights/minilm-q8_0.gguf
BENCH_OPTIONS = $(if $(OUT),--out "$(OUT)") $(if $(FULL),--full)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup prepared page check-page demo first-answers demo-sync test test-browser torture lint bench bench-retrieval bench-delta bench-engine bench-gpu bench-audit bench-binary soak binary test-binary deb usb clean

help:
	@echo "make setup            everything that edge needs, in .venv"
	@echo "make page             the page for a browser, from its source; needs node and npm"
	@echo "make demo             build and install the starter pack and the handbook, put questions to them"
	@echo "make demo-sync        publish signed packs, sync them, attack them"
	@echo "make test             run the tests"
	@echo "make test-browser     drive the page in Chromium without a screen; needs chromium and npm"
	@echo "make torture          kill it, fill its disk, cut its power, at every step: some minutes"
	@echo "make lint             style, types and the direction of imports"
	@echo "make bench            every benchmark; OUT=file.json keeps the figures, FULL=1 takes an hour"
	@echo "make bench-retrieval  how well passages are found and questions answered"
	@echo "make bench-delta      how much of a pack travels when a twentieth of its documents has changed"
	@echo "make bench-engine     the engine beside llama-server; prompt reuse; prompt lookup"
	@echo "make bench-gpu        the engine on a GPU: EDGE_BACK_ENDS=folder with libggml-cuda.so (build/cuda.py)"
	@echo "make bench-audit      rows a second, the wait of a turn for its row, the check of a receipt"
	@echo "make bench-binary     the one file: size, start, with a 7B model inside; FULL=1 writes 10 GB"
	@echo "make soak             10,000 requests of rude clients, 50 killed workers: a quarter of an hour"
	@echo "make binary           dist/edge, one file for machines without Python; MODEL=, PACKS=\"a b\" go inside"
	@echo "make test-binary      make it, and drive it"
	@echo "make deb              dist/edge as a Debian package with its service"
	@echo "make usb              dist/edge with MODEL= and PACKS=\"a b\" beside it, for a stick; TO=folder"
	@echo "make clean            remove what the above made"

# Parts that do not need each other are made at the same time: packages come from the network while llama.cpp compiles.
setup:
	@$(MAKE) --no-print-directory --jobs=3 prepared
	@echo "==> set up in $(VENV)"

prepared: $(VENV)/.packages $(VENV)/.llama $(BIN)/edge $(EMBEDDER)

# What is built is in git, so that nobody needs node to run edge.
page: $(PAGE)/node_modules/.package-lock.json
	@echo "==> the page for a browser"
	@cd $(PAGE) && npm run --silent build

check-page: page
	@echo "==> the page is what its source builds"
	@git diff --exit-code --stat -- edge/server/page/built && test -z "$$(git status --porcelain edge/server/page/built)"

$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package-lock.json
	@cd $(PAGE) && npm ci --silent

# The first time, answers come before anything is compiled.
demo: $(if $(wildcard $(VENV)/.llama),,first-answers)
	@$(MAKE) --no-print-directory setup
	@echo "==> demonstration"
	@MODEL="$(MODEL)" $(BIN)/python build/demo.py

first-answers: $(VENV)/.runtime
	@MODEL="$(MODEL)" $(BIN)/python build/first_answers.py

demo-sync: setup
	@echo "==> demonstration of signed packs"
	@$(BIN)/python build/demo_sync.py

test: setup
	@echo "==> tests"
	@$(BIN)/python -m pytest -q $(PYTEST)

test-browser: setup $(PAGE)/node_modules/.package-lock.json
	@command -v $${EDGE_CHROMIUM:-chromium} >/dev/null || { echo "Chromium is needed: apt-get install chromium, or EDGE_CHROMIUM=path"; exit 1; }
	@echo "==> tests of the page in a browser"
	@$(BIN)/python -m pytest -q -rP --show-capture=stdout tests/browser

torture: setup $(VENV)/disk.so
	@echo "==> torture: kill -9, failing calls, loss of power"
	@LD_PRELOAD="$(CURDIR)/$(VENV)/disk.so" $(BIN)/python -m pytest -q -rP --show-capture=stdout -o timeout=3600 tests/torture
	@$(BIN)/python -m pytest -q -n 2 -m slow

lint: setup
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> mypy"
	@$(BIN)/mypy
	@echo "==> import contracts"
	@$(BIN)/lint-imports

bench: setup
	@echo "==> benchmarks"
	@$(BIN)/python -m tests.bench.all $(BENCH_OPTIONS)

bench-retrieval: setup
	@echo "==> benchmarks of retrieval and answers"
	@$(BIN)/python -m tests.bench.retrieval $(BENCH_OPTIONS)

bench-delta: setup
	@echo "==> benchmark of delta updates"
	@$(BIN)/python -m tests.bench.delta $(BENCH_OPTIONS)

bench-engine: setup
	@echo "==> benchmark of the engine"
	@$(BIN)/python -m tests.bench.engine $(BENCH_OPTIONS)

bench-gpu: setup
	@echo "==> benchmark on a GPU"
	@$(BIN)/python -m tests.bench.gpu $(BENCH_OPTIONS)

bench-audit: setup
	@echo "==> benchmark of the audit log"
	@$(BIN)/python -m tests.bench.audit $(BENCH_OPTIONS)

bench-binary: binary
	@echo "==> benchmark of the one file"
	@$(BIN)/python -m tests.bench.binary $(BENCH_OPTIONS)

soak: setup
	@echo "==> endurance"
	@$(BIN)/python -m tests.soak

binary: setup
	@echo "==> one file"
	@MODEL="$(MODEL)" PACKS="$(PACKS)" $(BIN)/python build/binary.py

test-binary: binary
	@echo "==> tests of the one file"
	@$(BIN)/python -m pytest -q $(PYTEST) tests/binary

deb: setup
	@echo "==> Debian package"
	@PYTHONPATH=build $(BIN)/python -m fleet.deb

usb: setup
	@echo "==> folder for a stick"
	@MODEL="$(MODEL)" PACKS="$(PACKS)" TO="$(TO)" PYTHONPATH=build $(BIN)/python -m fleet.usb

clean:
	@echo "==> removing .venv, .demo, the embedder, dist and tool caches"
	@rm -rf $(VENV) .demo edge/weights dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# --- what setup consists of ---------------------------------------------------------------------------------------

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "edge needs Python 3.11 or later; $(PYTHON) is not. Say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo "$(PYTHON) cannot make virtual environments. Install them: apt-get install python3-venv (Debian, Ubuntu)"; exit 1; }
	@echo "==> virtual environment $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: build/requirements.txt | $(VENV)/.created
	@echo "==> packages that edge runs on, checked against their hashes (half a minute)"
	@$(PIP) install --require-hashes -r $<
	@touch $@

$(VENV)/.packages: $(PINS) | $(VENV)/.runtime
	@echo "==> packages that test, check and build it"
	@$(PIP) install --require-hashes -r build/requirements-dev.txt
	@touch $@

$(VENV)/.wheel: $(LLAMA) | $(VENV)/.created
	@echo "==> llama-cpp-python"
	@$(BIN)/python build/llama_wheel.py > $@

$(VENV)/.llama: $(VENV)/.wheel | $(VENV)/.packages $(BIN)/edge
	@$(PIP) install --no-index --no-deps --force-reinstall "$$(cat $<)"
	@touch $@

$(BIN)/edge: pyproject.toml | $(VENV)/.packages
	@echo "==> edge itself, as $(BIN)/edge"
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/disk.so: tests/torture/disk.c | $(VENV)/.created
	@echo "==> the disk that fails on demand"
	@$(CC) -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $< -ldl

$(EMBEDDER): build/embedder.py build/fetch.py build/requirements-embedder.txt | $(VENV)/.packages
	@echo "==> embedder"
	@$(BIN)/python build/embedder.py --out $@
