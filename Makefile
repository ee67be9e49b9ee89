# Stridewell: `make run` starts the assistant, `make test` checks it. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export RASA_TELEMETRY_ENABLED := false
export TF_CPP_MIN_LOG_LEVEL := 3
export OMP_NUM_THREADS ?= 1
export PYTHONPATH := $(CURDIR)

PYTHON := .venv/bin/python
MODEL := models/stridewell.tar.gz
TRAINED_FROM := config.yml domain.yml \
  $(shell find data components stridewell -type f -not -path '*/__pycache__/*' 2>/dev/null)
CHECKED := stridewell components actions channels benchmarks tests

.PHONY: help setup setup-dev train run shell check-content lint format test bench-nlu bench-safety \
  bench-understanding bench-serving bench-scaling bench-faults lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

.venv/.python: .python-version
	@bash scripts/make-environment
	@touch $@

.venv/.run: requirements/run.txt | .venv/.python
	@echo "Installing what the assistant runs on (a few minutes the first time) ..."
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  -r requirements/run.txt
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@echo "Installing what the tests need ..."
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  -r requirements/dev.txt
	@touch $@

setup: .venv/.run ## Make the Python environment

setup-dev: .venv/.dev .venv-tools/.tools ## The same with what the tests need

.venv-tools/.tools: requirements/tools.txt | .venv/.python
	@$(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --no-deps -r requirements/tools.txt
	@touch $@

$(MODEL): $(TRAINED_FROM) | .venv/.run
	@$(PYTHON) -m stridewell.train

train: .venv/.run $(MODEL) ## Train the model, if anything that it is made from has changed

run: train ## Start the assistant and its web page on this machine
	@exec $(PYTHON) -m stridewell.run

shell: train ## Talk to the assistant in the terminal
	@exec $(PYTHON) -m stridewell.shell

check-content: .venv/.dev ## Say what is missing or wrong in answers, examples, rules and sources
	@$(PYTHON) -m stridewell.check_content

lint: .venv/.dev ## Check style and types
	@$(PYTHON) -m ruff check $(CHECKED)
	@$(PYTHON) -m ruff format --check $(CHECKED)
	@$(PYTHON) -m mypy $(CHECKED)

format: .venv/.dev ## Format the code
	@$(PYTHON) -m ruff check --fix $(CHECKED)
	@$(PYTHON) -m ruff format $(CHECKED)

test: setup ## Check everything
	@$(MAKE) --no-print-directory -j 2 --output-sync=target train setup-dev lint
	@$(PYTHON) -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

bench-nlu: .venv/.dev ## Compare the understanding: make bench-nlu DATA=folder [EVAL=folder]
	@$(PYTHON) -m benchmarks.nlu "$(DATA)" --stock $(if $(EVAL),--eval "$(EVAL)")

bench-understanding: .venv/.dev train ## Score real questions: make bench-understanding DATA=folder
	@$(PYTHON) -m benchmarks.understanding "$(DATA)"

bench-safety: .venv/.dev train ## Measure the safety screen: make bench-safety DATA=folder
	@$(PYTHON) -m benchmarks.safety --data "$(DATA)"

bench-serving: .venv/.dev train ## Compare serving with Rasa's defaults: make bench-serving [STOCK=model]
	@$(PYTHON) -m benchmarks.serving $(if $(STOCK),--stock-model "$(STOCK)",--train)

bench-scaling: .venv/.dev train ## Measure one and two dialogue servers behind nginx
	@$(PYTHON) -m benchmarks.scaling

bench-faults: .venv/.dev train ## Break each part of a site under load, 20 times each
	@$(PYTHON) -m benchmarks.faults

lock: ## Write the locked requirements anew (needs uv)
	@for kind in run dev tools; do uv pip compile --quiet --python-version 3.10 --generate-hashes \
	  --no-emit-index-url --no-header requirements/$$kind.in -o requirements/$$kind.txt; done

clean: ## Remove what was built; conversations in var/ stay
	@rm -rf .venv .venv-tools .rasa models .pytest_cache .mypy_cache .ruff_cache .hypothesis build results
