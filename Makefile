# What people type. Each target brings its own set-up; make help lists them.

GO        ?= go
BIN       := bin/mqttspec
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS   := -s -w -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help run build test bench images clients lint fuzz clean

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## builds the program into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/mqttspec

run: build ## runs the suites against the embedded reference broker and writes mqttspec-report/
	$(BIN) run $(ARGS)

test: ## runs every test; those with containers are skipped when no Docker engine answers
	$(GO) test -timeout 15m ./...

BENCH ?= -benchtime 1s

bench: ## measures beside peers in the same run; mochi and mosquitto take part where PATH has them
	$(GO) test -run '^$$' -bench . $(BENCH) ./harness/wire ./reference-broker
	cd netfault/bench && $(GO) test -mod=mod -run '^$$' -bench . $(BENCH)

images: ## builds the local broker images (wants Docker and a Debian machine)
	ci/images/build.sh all

clients: build ## installs real client libraries and takes devices on them through the plans; an hour and more, mostly waiting
	ci/clients/setup.sh all
	ci/clients/check.sh all
	DEVICE_CLEAN_START=1 ci/clients/check.sh --only DV-63 --out clients-report/clean --deadline 15m all
	ci/clients/check.sh --only DV-68 --only DV-69 --ws --out clients-report/ws --deadline 15m paho-python-1.6 paho-python-2 mqttjs paho-c paho-golang
	python3 ci/clients/table.py clients-report clients-report/clean clients-report/ws docs/clients.md

lint: ## runs golangci-lint
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

fuzz: ## fuzzes every decoder for a minute each
	$(GO) test -run '^$$' -fuzz FuzzDecode -fuzztime 60s ./harness/wire
	$(GO) test -run '^$$' -fuzz FuzzReadFrame -fuzztime 60s ./harness/wire

clean: ## removes what the other targets made
	rm -rf bin mqttspec-report clients-report
