# The short names of what people do. Everything is Python behind local/; this file only spells it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m local
export KUBECONFIG IMAGE_REGISTRY EMULATOR_ADDRESS

# Where this is set, as in many containers, Python compiles 50 MB of provider SDK anew for each preview. What it
# writes lies in .venv and in ignored folders; `make clean` takes it back.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup up stop down clean purge status shell env release rollback test lint backend promote grants drift cost leftovers rehearse verify chaos verify-down lock policy policy-mutants sbom

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the Python packages that everything else needs
	@$(PYTHON) local/bootstrap.py

up: ## bring the whole environment up, or repair it
	@$(PYTHON) local/bootstrap.py --for-environment
	@$(RUN) up

stop: setup ## end the processes, keep everything
	@$(RUN) stop

down: setup ## destroy the environment and prove that nothing is left
	@$(RUN) down

clean: ## after `make down`: take back what our commands put into this checkout
	@$(PYTHON) -B local/clean.py

purge: setup ## remove all of Plinth's caches of this user; refused while an environment, running or stopped, uses them
	@$(RUN) purge

status: setup ## what runs, where it answers, what is realised (STATUS=json for machines)
	@$(RUN) status $(if $(filter json,$(STATUS)),--json)

shell: setup ## a shell in which plain `pulumi` works on the local stack
	@$(RUN) shell

env: setup ## the same as `export` lines, for eval
	@$(RUN) env

release: setup ## list the trained versions, or serve one (VERSION=...)
	@$(RUN) release $(VERSION)

rollback: setup ## serve what was served before
	@$(RUN) rollback

backend: setup ## on AWS: make the bucket and the key for a stack's state and secrets (STACK=dev)
	@$(VENV)/bin/python -m stacks.backend $(STACK)

promote: setup ## on AWS: let one environment serve what another has proven (FROM=staging TO=prod)
	@$(VENV)/bin/python -m stacks.promotion $(FROM) $(TO) \
		$(if $(FROM_PROFILE),--from-profile $(FROM_PROFILE)) $(if $(TO_PROFILE),--to-profile $(TO_PROFILE))

grants: setup ## print who may do what to which store, from the program (STACK=prod, FORMAT=page)
	@$(VENV)/bin/python -m stacks.grants $(or $(STACK),prod) $(if $(filter page,$(FORMAT)),--document)

drift: setup ## name what was changed behind Pulumi's back (STACK=local)
	@$(RUN) drift $(or $(STACK),local)

cost: setup ## estimate what a month of an environment costs, against its budget (STACK=prod)
	@$(RUN) cost $(or $(STACK),prod)

leftovers: setup ## list by tag what an account holds after a destroy (STACK=prod STATE=exported.json)
	@$(RUN) leftovers $(STACK) $(STATE)

rehearse: setup ## bring an environment up on throwaway emulators, check it, destroy it (STACK=prod, RULES=1)
	@$(RUN) rehearse $(or $(STACK),local) $(if $(RULES),--rules)

policy: setup ## hold environments to every rule: preview, update, resolved state, second opinions (STACK="dev prod")
	@$(RUN) policy $(or $(STACK),prod)

policy-mutants: setup ## the same, and break one security property after the other: are all caught? (STACK=prod)
	@$(RUN) policy --mutants $(or $(STACK),prod)

sbom: setup ## write a bill of materials for each image
	@$(RUN) sbom

test: setup ## the suite that needs no root and no environment
	@$(VENV)/bin/python -m pytest -n 2 --dist loadscope -m "not environment and not chaos and not teardown"

verify: setup ## the suite that drives what runs
	@$(VENV)/bin/python -m pytest -m environment tests/environment

chaos: setup ## kill everything at random moments, see that `make up` repairs it (SEED=n, KILLS=n, CASES=short)
	@CHAOS_SEED=$(SEED) CHAOS_KILLS=$(KILLS) CHAOS_CASES=$(CASES) \
		$(VENV)/bin/python -m pytest -m chaos tests/chaos

verify-down: setup ## after `make down`: look for anything it left
	@$(VENV)/bin/python -m pytest -m teardown tests/environment

lint: setup ## formatting, lint and types, as CI sees them
	@$(VENV)/bin/ruff format --check . && $(VENV)/bin/ruff check . && $(VENV)/bin/mypy

lock: setup ## resolve the dependency groups anew and lock them by hash
	@$(RUN) lock
