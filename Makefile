PY := .venv/bin/python
CODE := $(wildcard cs_ml pages app.py tests benchmarks)

.DEFAULT_GOAL := help
.PHONY: help setup run test check security bench-quality e2e-llm sbom fmt lock

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## create .venv with every locked dependency and the cs-ml command
	@bash tools/setup.sh environment

run: setup  ## set up and start the app with the demo, on PORT (8501)
	@bash tools/run.sh

test: setup  ## set up and run every test
	@bash tools/setup.sh browser
	$(PY) -m pytest -n $$(( $$(nproc) + 1 ))

check: setup  ## format, lint, types, architecture and repository rules
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy $(CODE)
	$(PY) -m pytest -q tests/test_architecture.py tests/support/own/test_repository.py

security: setup  ## prove each security requirement and each failure of the model's server: one line each
	@bash tools/setup.sh browser
	$(PY) -m pytest -q -n $$(( $$(nproc) + 1 )) --security

bench: setup  ## measure against the goals; JSON=FILE keeps the figures
	$(PY) -m benchmarks $(if $(JSON),--json $(JSON))

bench-quality: setup  ## measure every engine on BUNDLE=DIR, a bundle with a split.csv; WINDOW=90, OUTCOMES=N
	.venv/bin/cs-ml bench-quality $(BUNDLE) $(if $(WINDOW),--window $(WINDOW)) $(if $(OUTCOMES),--train-outcomes $(OUTCOMES))

e2e-llm: setup  ## predict by a small real model on this machine; MODEL=smollm2 or qwen1.5b, ACCOUNTS=5
	$(PY) -m benchmarks.llm.e2e $(if $(MODEL),--model $(MODEL)) $(if $(ACCOUNTS),--accounts $(ACCOUNTS))

sbom: setup  ## write what the product is made of, as CycloneDX, to FILE (sbom.json)
	$(PY) tools/sbom.py $(or $(FILE),sbom.json)

fmt: setup  ## format the code, fix what the linter can fix, renew the README's tables
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .
	$(PY) tools/tables.py

lock: setup  ## resolve pyproject.toml into requirements.lock, then install it
	.venv/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock
	@bash tools/setup.sh environment
