# Two commands do everything on a fresh machine: `make lab` and `make test`. Both install what is missing first.
.PHONY: setup lab test check bench clean

setup:
	@MAKECMDGOALS='$(MAKECMDGOALS)' scripts/setup

lab: setup
	@bin/weft lab up

test: setup
	@node scripts/test.mjs

check: setup
	@npm run --silent check

bench: setup
	@npm run --silent bench -- proxy

clean:
	@rm -rf dist .cache coverage
