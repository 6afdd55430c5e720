# Assay. `make` prints this list; `make demo` is where to start.

SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO         ?= go
BIN        := bin
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS    := -s -w -X main.version=$(VERSION)
GOLANGCI   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help

## --- first steps -----------------------------------------------------------

.PHONY: demo
demo: ## run the whole pipeline on generated data and print its figures (SEED=1)
	@echo "building assay (the first build compiles SQLite and takes a minute or two) …"
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/assay ./cmd/assay
	@$(BIN)/assay demo --seed $(or $(SEED),1)

.PHONY: test
test: ## run all tests; needs nothing but Go
	$(GO) test ./...

.PHONY: build
build: ## build the command line and the functions into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/assay ./cmd/assay
	@for f in functions/*/; do \
	  name=$$(basename $$f); mkdir -p $(BIN)/$$name; \
	  $(GO) build -trimpath -tags lambda.norpc -ldflags '-s -w' -o $(BIN)/$$name/bootstrap ./$$f; \
	done
	@ls -l $(BIN)/assay $(BIN)/*/bootstrap

.PHONY: install
install: ## install the command line into GOBIN
	$(GO) install -trimpath -ldflags '$(LDFLAGS)' ./cmd/assay

.PHONY: postgres
postgres: ## start a Postgres with pgvector on loopback, without Docker; prints its DSN
	@infra/dev/postgres.sh start

.PHONY: postgres-stop
postgres-stop: ## stop it
	@infra/dev/postgres.sh stop

.PHONY: integration
integration: ## the deployed functions end to end on loopback: S3, SQS, EventBridge (moto), Postgres, the Runtime API
	@command -v moto_server >/dev/null || { echo "needs moto's server: pip install 'moto[server]'"; exit 1; }
	@dsn="$${ASSAY_TEST_POSTGRES:-}"; \
	if [ -z "$$dsn" ]; then \
	  infra/dev/postgres.sh status >/dev/null 2>&1 || trap 'infra/dev/postgres.sh stop' EXIT; \
	  dsn=$$(infra/dev/postgres.sh start); \
	fi; \
	ASSAY_TEST_INTEGRATION=required ASSAY_TEST_POSTGRES="$$dsn" $(GO) test ./infra/integration -count 1 $(or $(ARGS),-timeout 30m)

## --- before a change lands --------------------------------------------------

.PHONY: check
check: vet lint tidy generated cross size check-compat evals ## everything that is checked besides the tests

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: ## golangci-lint, each linter with its reason in .golangci.yml
	@lint=$$(command -v golangci-lint || echo $$($(GO) env GOPATH)/bin/golangci-lint); \
	if ! $$lint version 2>/dev/null | grep -q 'version v\?2\.15\.'; then $(GO) install $(GOLANGCI); lint=$$($(GO) env GOPATH)/bin/golangci-lint; fi; \
	$$lint run ./...

.PHONY: tidy
tidy: ## go.mod and go.sum hold what is used, and every dependency is justified
	$(GO) mod tidy -diff
	$(GO) mod verify >/dev/null
	@$(GO) list -m -f '{{if and (not .Indirect) (not .Main)}}{{.Path}}{{end}}' all | grep . | while read -r m; do \
	  grep -q "$$m" docs/dependencies.md || { echo "docs/dependencies.md does not justify $$m"; exit 1; }; done

.PHONY: generated
generated: ## generated documentation is up to date
	$(GO) test ./pipeline/app -run 'TestConfigurationPage' -count 1

.PHONY: cross
cross: ## the other platforms compile and vet
	GOOS=windows GOARCH=amd64 $(GO) vet ./cmd/... ./pipeline/...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./cmd/... ./pipeline/...
	GOOS=linux GOARCH=arm64 $(GO) build -tags lambda.norpc -o /dev/null ./functions/ingest

.PHONY: check-compat
check-compat: ## the API, events, reports and migrations break nothing that was built on them (BASE=v1.2.0)
	cd bench/compat && $(GO) vet -mod=mod . && $(GO) test -mod=mod . && $(GO) run -mod=mod . $(if $(BASE),-base $(BASE))

.PHONY: evals
evals: ## a change of prompt, knowledge or matcher makes no answer worse: suites against evals/baselines
	$(GO) run ./cmd/assay eval lint
	$(GO) run ./cmd/assay --quiet eval run --baseline evals/baselines $(ARGS)
	$(GO) run ./cmd/assay --quiet eval run model --llm simulated:able --baseline evals/baselines/simulated $(ARGS)

.PHONY: evals-lock
evals-lock: ## the scores of now become evals/baselines; say why in the commit
	$(GO) run ./cmd/assay --quiet eval lock --to evals/baselines --replace
	$(GO) run ./cmd/assay --quiet eval lock model --llm simulated:able --to evals/baselines/simulated --replace

.PHONY: fuzz
fuzz: ## fuzz the gate against the slow reference in its tests (FUZZTIME=30m)
	$(GO) test ./pipeline/gate -run '^$$' -fuzz '^FuzzReference$$' -fuzztime $(or $(FUZZTIME),30m) -parallel 1

.PHONY: check-reader
check-reader: ## DuckDB reads a feed while it is published, and sees it whole (needs a C compiler)
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/assay ./cmd/assay
	cd bench && CGO_ENABLED=1 $(GO) run ./reader -assay ../$(BIN)/assay

AXE := axe-core-4.10.3

.PHONY: check-pages
check-pages: ## the pages in headless Chromium: by keys, without scripts, WCAG AA by axe-core (ONLY=review: PICTURES=docs/img); the last line is JSON
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
	@mkdir -p $(BIN); [ -f $(BIN)/$(AXE)/package/axe.min.js ] || { \
	  command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null; }; \
	  mkdir -p $(BIN)/$(AXE); (cd $(BIN) && npm pack --silent $(subst core-,core@,$(AXE)) >/dev/null); tar -xzf $(BIN)/$(AXE).tgz -C $(BIN)/$(AXE); rm $(BIN)/$(AXE).tgz; }
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/assay ./cmd/assay
	@$(GO) -C bench/browser run . -assay $(abspath $(BIN))/assay -axe $(abspath $(BIN))/$(AXE)/package/axe.min.js $(if $(PICTURES),-pictures $(abspath $(PICTURES))) $(if $(ONLY),-only '$(ONLY)')

.PHONY: bench-decisions
bench-decisions: ## fifty review decisions by keys in the browser, with keys pressed twice, the back button and expired leases; the last line is JSON
	@$(MAKE) --no-print-directory check-pages ONLY='fifty decisions'

.PHONY: crash
crash: ## kill runs with SIGKILL at every step and compare what is left (KILLS=200)
	@$(GO) test ./cmd/assay -run 'TestCrash$$' -count 1 -timeout 60m -v -kills $(or $(KILLS),200) | grep -v '^=== ' | tee /dev/stderr | grep -Eo '[0-9]+ of [0-9]+$$' | tail -1

.PHONY: deliver
deliver: ## events one to three times, shuffled, from 8 processes on Postgres (needs ASSAY_TEST_POSTGRES)
	@test -n "$$ASSAY_TEST_POSTGRES" || { echo "set ASSAY_TEST_POSTGRES to the DSN that make postgres prints"; exit 1; }
	$(GO) test ./pipeline/flow -run 'EightProcesses$$' -count $(or $(COUNT),5) -v | grep -v '^=== '

.PHONY: size
size: build ## binaries stay within their bounds
	@check() { s=$$(stat -c %s $$1 2>/dev/null || stat -f %z $$1); \
	  [ $$s -le $$(( $$2 * 1048576 )) ] || { echo "$$1 is $$s bytes, more than $$2 MiB"; exit 1; }; }; \
	check $(BIN)/assay 60; for b in $(BIN)/*/bootstrap; do check $$b 52; done
	@$(GO) test ./infra/integration -run 'TestZip$$' -count 1 -v -timeout 30m -args -zips | grep -E 'zip of|zip_mb|FAIL|more than'

.PHONY: check-template
check-template: ## template.yaml and infra/ by cfn-lint and by what it does not see, and by sam where it is installed; seeded mistakes are caught; policies against the code
	@python3 -c 'import cfnlint, samtranslator' 2>/dev/null || pip install --quiet cfn-lint aws-sam-translator
	@python3 .ci/template.py
	$(GO) test ./infra -count 1
	@python3 .ci/template_mistakes.py
	@command -v sam >/dev/null || { echo "sam is not installed: pip install aws-sam-cli, and what it says of the template counts too"; exit 0; }; \
	export AWS_DEFAULT_REGION=eu-central-1 SAM_CLI_TELEMETRY=0 GOFLAGS='-tags=lambda.norpc "-ldflags=-s -w"'; \
	said=$$(sam validate --lint 2>&1 && sam build --build-dir $(BIN)/sam 2>&1) || { echo "$$said"; exit 1; }; echo "sam validates the template and builds every function"

## --- figures ----------------------------------------------------------------

.PHONY: bench
bench: bench-sample bench-state ## all benchmarks that need nothing installed

.PHONY: bench-sample
bench-sample: ## the demo's figures on 20 seeds, worst first (SEEDS=20)
	$(GO) run ./cmd/assay demo --seeds $(or $(SEEDS),20)

.PHONY: bench-state
bench-state: ## figures of the stores; Postgres too where ASSAY_TEST_POSTGRES names one (ROWS=1000000)
	$(GO) -C bench run -mod=mod ./state -rows $(or $(ROWS),1000000)

.PHONY: bench-people
bench-people: ## sweep over 500 feeds and 90 days, a webhook's bad hour, 10,000 approvals, forget; the last line is JSON
	@$(GO) test ./pipeline/flow -run TestPeopleFigures -count 1 -timeout 60m -v -people | grep -Ev '^(=== |--- |PASS|ok )' | grep .

.PHONY: bench-chaos
bench-chaos: build ## how well contracts catch what is done to their data; inferred ones need ../shared/data
	$(GO) -C bench run -mod=mod ./chaos -data $(abspath ../shared/data) -assay $(abspath $(BIN))/assay

.PHONY: bench-gate
bench-gate: ## the gate against wc and DuckDB; needs a C compiler and 4 GB of disk (ROWS=5600000)
	CGO_ENABLED=1 $(GO) -C bench run -mod=mod ./gate -rows $(or $(ROWS),5600000) -times $(or $(TIMES),3)

.PHONY: bench-contract
bench-contract: ## contracts: round trips, clauses, compatibility, inference, exports, lint; needs ../shared/data and ASSAY_TEST_POSTGRES
	@$(GO) test ./pipeline/contract -count 1 -timeout 10m -v -args -figures > /tmp/bench-contract.$$$$ || { grep -A20 -e '--- FAIL' /tmp/bench-contract.$$$$; exit 1; }; grep -h -E '^ .*(accepted|edits|clauses \(|kinds of fault|thousand)|^\{' /tmp/bench-contract.$$$$; rm -f /tmp/bench-contract.$$$$

.PHONY: bench-match
bench-match: ## the matcher: public data sets, near twins, whole catalogs, checks, search; Postgres too where ASSAY_TEST_POSTGRES names one (SCALE=200000)
	@CGO_ENABLED=0 $(GO) -C bench run -mod=mod ./match -data $(abspath $(or $(ASSAY_TEST_DATA),../shared/data)) -scale $(or $(SCALE),200000) -postgres-items $(or $(POSTGRES_ITEMS),50000)

.PHONY: bench-match-whole
bench-match-whole: ## a whole catalog of synthetic items, category by category: the memory is that of the largest one (SCALE=1000000)
	@CGO_ENABLED=0 $(GO) -C bench run -mod=mod ./match -only sharded -scale $(or $(SCALE),1000000)

.PHONY: bench-match-postgres
bench-match-postgres: ## checks at the moment of entry against an index in Postgres; needs ASSAY_TEST_POSTGRES (POSTGRES_ITEMS=1000000, MEMORY=3GB)
	@CGO_ENABLED=0 $(GO) -C bench run -mod=mod ./match -only postgres -postgres-items $(or $(POSTGRES_ITEMS),1000000) -postgres-memory $(or $(MEMORY),3GB)

.PHONY: bench-parse
bench-parse: ## reading: units, quantities, abbreviations, attributes, retrieval, speed; needs ../shared/data (SEEDS=20)
	@$(GO) -C bench run -mod=mod ./parse -seeds $(or $(SEEDS),20) $(ARGS)

.PHONY: bench-parse-memory
bench-parse-memory: ## memory of parsing item after item, a line per million (ITEMS=10000000)
	@$(GO) -C bench run -mod=mod ./parse -memory $(or $(ITEMS),10000000)

.PHONY: calibrate
calibrate: ## fit the records' confidence on generated samples, print the reliability tables, write the pack's calibration.yaml
	@$(GO) -C bench run -mod=mod ./parse -calibrate -write ../contracts/catalog/calibration.yaml

.PHONY: bench-llm
bench-llm: ## what stands between a model and a record: grounding, repair, PII, injection, calls saved; needs ../shared/data (SEEDS=5)
	@$(GO) test ./pipeline/guard -run 'Figures|TestCorruptions|TestOtherStandard|TestPIIOnParts|TestSwapsFlagged' -count 1 -v 2>&1 | $(GO) -C bench run -mod=mod ./llm -seeds $(or $(SEEDS),5)

.PHONY: bench-evals
bench-evals: ## the evals: false trips, drops found, broken invariants, behavioural chaos, speed; the last line is JSON
	@$(GO) -C bench run -mod=mod ./evals

.PHONY: bench-pages
bench-pages: ## the pages over 1,000 feeds and a million items in SQLite: time to the first byte, bytes; the last line is JSON (SCALE=1000000)
	@CGO_ENABLED=0 $(GO) -C bench run -mod=mod ./pages -items $(or $(SCALE),1000000)

.PHONY: bench-cost
bench-cost: ## what the cost estimate multiplies: processor seconds of judging, reading and searching, tokens of a question; the last line is JSON (ROWS=1000000)
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/assay ./cmd/assay
	@$(GO) -C bench run -mod=mod ./cost -assay $(abspath $(BIN))/assay -rows $(or $(ROWS),1000000) $(ARGS)

.PHONY: bench-aws
bench-aws: ## the functions on this machine: end to end, init, zip, memory, 2,000 deliveries, a large file in ranges; the last line is JSON (LARGE_MB=5000 PEAK_MB=1000 DELIVERIES=2000)
	@figures=$$(mktemp); trap 'rm -f "$$figures"' EXIT; \
	$(MAKE) --no-print-directory integration ARGS="-v -timeout 120m -run 'TestEndToEnd|TestInit|TestZip|TestPeakMemory|TestDeliveries|TestLargeFile' -args -figures $$figures \
	  -starts 41 -zips -deliveries $(or $(DELIVERIES),2000) -large-mb $(or $(LARGE_MB),5000) -peak-mb $(or $(PEAK_MB),1000)" | grep -Ev '^(=== |PASS|ok )'; \
	python3 -c 'import json, sys; out = {}; [out.update(json.loads(l)) for l in open(sys.argv[1])]; print(json.dumps(out))' "$$figures"

## ----------------------------------------------------------------------------

.PHONY: clean
clean: ## remove what the targets above made
	rm -rf $(BIN) .aws-sam

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^## ---/ {gsub(/^## -+ ?| ?-+$$/, ""); printf "\n%s\n", $$0} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
