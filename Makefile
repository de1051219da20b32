# The commands of this project. Each is a script in bin/ or one line.
# A setting given on the command line or in the environment reaches the service: make run PORT=9000

.DEFAULT_GOAL := help
.PHONY: help install run staff test lint bench screenshots lock clean agent-deb

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## A .venv with all that running needs
	@bin/install

run: ## Install, prepare and run everything here; Ctrl-C stops it (PORT=8000)
	@bin/run

staff: ## Make an account of the back office, for the service that `make run` runs
	@bin/manage createsuperuser

test: ## Install what tests need and run them all, on SQLite and on PostgreSQL with Redis
	@bin/test

lint: ## Style, types, import directions, templates, migrations
	@bin/lint

bench: ## Measure: click to exempt, table writes, registry, client address
	@bin/bench

screenshots: ## Pictures of every page, both languages, light and dark, wide and narrow
	@bin/screenshots

agent-deb: ## The relay agent as a Debian package, into var/dist/
	@bin/build-agent-deb

lock: ## Lock requirements*.in again, with hashes (needs uv)
	@bin/lock

clean: ## Remove .venv and what tools have left; var/ and its data stay
	@bin/clean
