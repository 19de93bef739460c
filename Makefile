.DEFAULT_GOAL := help
.PHONY: help run build test race cross bench scenarios bench-compare fuzz generate fmt lint services stop

# This platform is built and vetted by the tests themselves.
PLATFORMS = linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
FUZZTIME ?= 20s
BENCH    ?= .

# with-services starts what the tests need (or takes REDIS_URL and DATABASE_URL as
# given) and sets the variables for the command that follows in the same recipe.
with-services = services=$$(scripts/services.sh start) && eval "$$services" &&

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## play the shipped sample through pipeline.yaml: no service, no key, no network
	go run ./cmd/pipeline demo

build: ## build the static binary into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/ ./cmd/pipeline

test: fmt race cross ## everything CI checks: format, vet, tests with races on real services, other platforms

# The detector would keep each of the hundreds of processes for a second after its end. Vet
# looks at the build with the detector too, as another one would have to be made first. The
# code of SQLite, made from C, is not searched for races, which takes it half the time; the
# SDKs, a third of all compilation, are not optimized.
race: export CGO_ENABLED = 1
race: export GORACE = atexit_sleep_ms=0
race: export GOFLAGS = -race -gcflags=modernc.org/sqlite/lib=-race=false '-gcflags=github.com/openai/...=-N -l' '-gcflags=github.com/anthropics/...=-N -l'
race: ## vet, and all tests under the race detector on real Redis and PostgreSQL
	@$(with-services) go vet ./... && go test -vet=off -timeout 20m ./...

cross: ## type-check the code and its tests for each platform we ship
	go run ./scripts/crosscheck $(PLATFORMS)

bench: ## run the benchmarks (BENCH=regexp picks some)
	@$(with-services) go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m ./...

bench-compare: ## one hop and the whole work against programs by hand and Bento; what an item costs (bench/README.md)
	@$(with-services) go run ./bench/hop && go run ./bench/whole && go run ./cmd/pipeline bench --runs 3 --warm 2000 --items 1000,10000,100000

scenarios: ## replay the incidents of examples/scenarios, and check what must hold in them
	go run ./cmd/pipeline replay scenarios examples/scenarios

fuzz: ## run each fuzz test for FUZZTIME (20s)
	@set -e; for pkg in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	echo "fuzz $$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg; done; done

generate: ## write anew what is generated: the reference in docs/, and what tests compare outputs with
	go test ./cmd/pipeline -run 'Reference|Scripts' -count=1 -update
	go test ./internal/alert ./internal/alert/html ./internal/config ./internal/operator ./sinks/discord -count=1 -update

fmt: ## fail where gofmt would change something
	@out=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')) && \
	{ [ -z "$$out" ] || { echo "gofmt -w these:"; echo "$$out"; exit 1; }; }

lint: fmt ## gofmt, vet, and staticcheck
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

services: ## start the services of the tests and print their URLs, for eval
	@scripts/services.sh start

stop: ## stop the services of the tests and forget their data
	scripts/services.sh stop
