# wsgi-once
#
#   make            builds build/wsgi-once and build/wsgi-once-generator
#   make run        serves the demo app on http://127.0.0.1:8000; APP=module:callable serves the one
#                   that is where you stand (make -C DIRECTORY run), with VENV, or the environment
#                   that is active; LISTEN is another address
#   make check      runs the tests that each change should pass; JOBS=unit, JOBS=bats-once or
#                   JOBS=plain for some of them, JOBS="company memory" for those that take more:
#                   front servers, applications, many apps, packages; sanitizers everywhere
#   make check-suites
#                   tests in fresh roots of Debian's releases: SUITES="bookworm trixie sid"
#   make fuzz       runs the fuzzers for FUZZ_SECONDS (3600) each
#   make endurance  sends REQUESTS (100000) to one server, which must not grow
#   make bench      measures what a request costs, for half an hour; make bench-report: compared
#                   with other servers, in a report, for BENCH_SECONDS (440), in BENCH_RESULTS
#   make scale      measures what APPS (200) apps cost, and what clients see of two hosts
#   make format     lays out the sources
#   make install    into $(DESTDIR)$(prefix), and where systemd looks for units and generators
#   make dist       the tarball of a release, in build/dist
#   make deb        of that a Debian package and its source, in build/deb
#   make rpm        packages for rpm, in build/rpm; RPM_OPTIONS='--without tests' for rpmbuild
#
# CFLAGS, CPPFLAGS and LDFLAGS are yours; what the project needs is added to them. V=1 shows the
# commands, WERROR=1 makes warnings errors. `make run`, `deb`, `rpm`, `check`, `check-suites`,
# `fuzz`, `bench` and `scale` install what they need through the distribution's package manager;
# INSTALL_DEPENDENCIES=: forgoes that.

VERSION := 0.1.0

prefix = /usr/local
bindir = $(prefix)/bin
datadir = $(prefix)/share
mandir = $(datadir)/man
# Debian has another one: $(datadir)/zsh/vendor-completions.
zshdir = $(datadir)/zsh/site-functions

# The group that may connect to the sockets: that of the distribution's front server.
SOCKET_GROUP = www-data

CC = cc
CLANG = clang
PKG_CONFIG = pkg-config
INSTALL = install
CFLAGS = -O2 -g
BUILD = build

APP = demo:app
LISTEN = 127.0.0.1:8000
VENV = $(if $(own_app),$(VIRTUAL_ENV))

FUZZ_SECONDS =
BENCH_SECONDS =
BENCH_RESULTS = $(BUILD)/bench
APPS = 200
JOBS =
SUITES = bookworm trixie sid
RPM_OPTIONS =
INSTALL_DEPENDENCIES = packaging/install-dependencies

completions = $(addprefix $(BUILD)/completions/,wsgi-once _wsgi-once wsgi-once.fish)

all: $(BUILD)/wsgi-once $(BUILD)/wsgi-once-generator $(completions)

# ---- flags ---------------------------------------------------------------------------------------

# The interpreter that is embedded is the one that pkg-config knows: the distribution's, whatever
# python3 comes first in PATH.
python_version := $(shell $(PKG_CONFIG) --modversion python3-embed 2>/dev/null)
python_prefix := $(shell $(PKG_CONFIG) --variable=exec_prefix python3-embed 2>/dev/null)
libraries := libsystemd python3-embed
libsystemd_version := $(shell $(PKG_CONFIG) --modversion libsystemd 2>/dev/null)
library_flags_to_compile := $(shell $(PKG_CONFIG) --cflags $(libraries) 2>/dev/null)
library_includes := $(library_flags_to_compile:-I%=-isystem %)
library_flags := $(shell $(PKG_CONFIG) --libs $(libraries) 2>/dev/null)

own_CPPFLAGS = -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
	-DLIBSYSTEMD_VERSION='"$(libsystemd_version)"' -DPYTHON_PREFIX='"$(python_prefix)"' \
	-DPYTHON_EXECUTABLE='"$(python_prefix)/bin/python$(python_version)"' -Isrc $(library_includes)
own_CFLAGS = -std=gnu17 -Wall -Wextra -Wshadow -Wconversion $(if $(WERROR),-Werror) \
	-fPIE -fstack-protector-strong $(hardening)
own_LDFLAGS = -fPIE -pie -Wl,-z,relro,-z,now,--as-needed
hardening = -fstack-clash-protection $(fortify)
fortify = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,\
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)

SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# Fortified functions would hide accesses from the sanitizers.
$(BUILD)/sanitize/% $(BUILD)/fuzz/%: hardening =
$(BUILD)/sanitize/%: CFLAGS = $(SANITIZE)
$(BUILD)/sanitize/%: LDFLAGS = $(SANITIZE)
$(BUILD)/fuzz/%: CFLAGS = $(SANITIZE) -fsanitize=fuzzer-no-link
$(BUILD)/fuzz/%: LDFLAGS = $(SANITIZE) -fsanitize=fuzzer
$(BUILD)/fuzz/%: CC = $(CLANG)

compile = $(CC) $(own_CPPFLAGS) $(CPPFLAGS) $(own_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
link = $(CC) $(own_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^

ifeq ($(V),1)
say = @mkdir -p $(@D)
else
say = @mkdir -p $(@D); printf '  %-5s %s\n' '$(1)' '$@';
.SILENT:
endif

# ---- the program ---------------------------------------------------------------------------------

sources := $(filter-out src/generator/% src/completion/%,$(wildcard src/*.c src/*/*.c))
python_sources := $(wildcard src/*/*.py)
# What the table of the options needs.
options_sources := $(wildcard src/options/*.c) src/base/problem.c \
	$(addprefix src/http/,request.c syntax.c target.c) \
	$(addprefix src/proxy/,address.c forwarded.c peer.c)
generator_sources := $(wildcard src/generator/*.c) $(options_sources)
completion_sources := src/completion/completion.c $(options_sources)
http_sources := $(wildcard src/http/*.c) $(addprefix src/proxy/,forwarded.c proxy_protocol.c)
# What is tested as a table.
pure_sources := $(wildcard src/http/*.c src/proxy/*.c) src/log/combined.c src/base/problem.c

define program_rules
$(1)/wsgi-once: $(sources:%.c=$(1)/%.o) $(python_sources:%=$(1)/%.o)
	$$(call say,LINK)
	$$(link) $(library_flags)

$(1)/wsgi-once-generator: $(generator_sources:%.c=$(1)/%.o)
	$$(call say,LINK)
	$$(link)

# What is written into units depends on where the program will be.
$(1)/src/generator/units.o: own_CPPFLAGS += -DPROGRAM_PATH='"$(bindir)/wsgi-once"' \
	-DLEAN_PATH='"$(datadir)/wsgi-once/lean.conf"'
$(1)/src/generator/units.o: $(1)/paths
endef
$(foreach directory,$(BUILD) $(BUILD)/sanitize,$(eval $(call program_rules,$(directory))))

$(BUILD)/paths $(BUILD)/sanitize/paths: always
	mkdir -p $(@D)
	echo '$(bindir) $(datadir)' | cmp -s - $@ || echo '$(bindir) $(datadir)' >$@

# Shells complete what the table of the options has: this program prints it, and is not installed.
$(BUILD)/completion: $(completion_sources:%.c=$(BUILD)/%.o)
	$(call say,LINK)
	$(link)

$(BUILD)/completions/wsgi-once: $(BUILD)/completion src/completion/wsgi-once.bash
	$(call say,MAKE)
	{ $(BUILD)/completion bash && cat src/completion/wsgi-once.bash; } >$@

$(BUILD)/completions/_wsgi-once: $(BUILD)/completion
	$(call say,MAKE)
	$(BUILD)/completion zsh >$@

$(BUILD)/completions/wsgi-once.fish: $(BUILD)/completion
	$(call say,MAKE)
	$(BUILD)/completion fish >$@

# The sources are compiled once for each directory of programs. NAME.py becomes the C string
# NAME_source.
define rules_below
$(1)/%.o: %.c Makefile | needs-build
	$$(call say,CC)
	$$(compile)

$(1)/%.py.c: %.py Makefile
	$$(call say,MAKE)
	(echo 'const char $$(*F)_source[] ='; sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $$<; echo ';') >$$@

$(1)/%.py.o: $(1)/%.py.c
	$$(call say,CC)
	$$(compile)
endef
$(foreach d,$(BUILD) $(BUILD)/sanitize $(BUILD)/fuzz,$(eval $(call rules_below,$(d))))

-include $(shell find $(BUILD) \( -path $(BUILD)/suites -o -path $(BUILD)/deb \) -prune \
	-o -name '*.d' -print 2>/dev/null)

needs-build:
	command -v $(PKG_CONFIG) >/dev/null && $(PKG_CONFIG) --exists libsystemd python3-embed || { \
		echo "wsgi-once needs $(PKG_CONFIG), libsystemd and python3-embed to be built:" \
			"packaging/install-dependencies build" >&2; exit 1; }

clean:
	rm -rf $(BUILD)

# ---- installing ----------------------------------------------------------------------------------

# Where this systemd looks for what it loads, as it says itself.
examples = $(DESTDIR)$(datadir)/doc/wsgi-once/examples
systemd_directory = $(DESTDIR)$(shell $(PKG_CONFIG) --variable=systemd$(1)dir systemd)

install: all needs-systemd
	$(INSTALL) -D -m 755 $(BUILD)/wsgi-once -t $(DESTDIR)$(bindir)
	$(INSTALL) -D -m 755 $(BUILD)/wsgi-once-generator -t $(call systemd_directory,systemgenerator)
	mkdir -p $(call systemd_directory,usergenerator)
	for link in $(call systemd_directory,usergenerator) $(DESTDIR)$(bindir); do \
		ln -sfr $(call systemd_directory,systemgenerator)/wsgi-once-generator "$$link"; done
	$(INSTALL) -D -m 644 src/wsgi-once.8 src/wsgi-once-generator.8 -t $(DESTDIR)$(mandir)/man8
	$(INSTALL) -D -m 644 src/wsgi-once.conf.5 -t $(DESTDIR)$(mandir)/man5
	$(INSTALL) -D -m 644 $(BUILD)/completions/wsgi-once \
		-t $(DESTDIR)$(datadir)/bash-completion/completions
	$(INSTALL) -D -m 644 $(BUILD)/completions/_wsgi-once -t $(DESTDIR)$(zshdir)
	$(INSTALL) -D -m 644 $(BUILD)/completions/wsgi-once.fish \
		-t $(DESTDIR)$(datadir)/fish/vendor_completions.d
	for unit in socket service; do \
		$(INSTALL) -D -m 644 systemd/system/wsgi-once-.$$unit.d/* \
			-t $(call systemd_directory,systemunit)/wsgi-once-.$$unit.d; \
		$(INSTALL) -D -m 644 systemd/user/wsgi-once-.$$unit.d/* \
			-t $(call systemd_directory,userunit)/wsgi-once-.$$unit.d; done
	sed -i 's/^SocketGroup=.*/SocketGroup=$(SOCKET_GROUP)/' \
		$(call systemd_directory,systemunit)/wsgi-once-.socket.d/10-wsgi-once.conf
	$(INSTALL) -D -m 644 systemd/wsgi-once.catalog -t \
		$(DESTDIR)$(shell $(PKG_CONFIG) --variable=catalogdir systemd)
	mkdir -p $(DESTDIR)/etc/wsgi-once
	$(INSTALL) -D -m 644 systemd/lean.conf -t $(DESTDIR)$(datadir)/wsgi-once
	$(INSTALL) -D -m 644 systemd/examples/*.* -t $(examples)
	$(INSTALL) -D -m 644 systemd/examples/user/* -t $(examples)/user
	$(INSTALL) -D -m 644 systemd/examples/fronts/* -t $(examples)/fronts
	sed -i 's|/usr/local/bin/|$(bindir)/|; s|/usr/local/share/|$(datadir)/|' \
		$(examples)/*.* $(examples)/user/*

needs-systemd:
	$(PKG_CONFIG) --exists systemd || { \
		echo "make install needs $(PKG_CONFIG) to know systemd, and where its units belong:" \
			"packaging/install-dependencies build" >&2; exit 1; }

# ---- releasing -----------------------------------------------------------------------------------

release = $(BUILD)/dist/wsgi-once-$(VERSION).tar.gz
# apt takes what has no "/" in front for the name of a package.
debs = $(if $(filter /%,$(BUILD)),,./)$(patsubst ./%,%,$(BUILD))/deb/wsgi-once_*.deb

dist:
	packaging/release $(VERSION) $(release)

deb:
	$(INSTALL_DEPENDENCIES) deb
	$(MAKE) --no-print-directory dist >/dev/null
	packaging/deb $(VERSION) $(release) $(BUILD)/deb
	echo "Install it: sudo apt install $(debs)"

rpm:
	$(INSTALL_DEPENDENCIES) rpm
	$(MAKE) --no-print-directory dist >/dev/null
	packaging/rpm/build $(release) $(BUILD)/rpm $(RPM_OPTIONS)

# ---- trying it -----------------------------------------------------------------------------------

# The demo is in tests/apps. Another app is where the user stands: -C has changed the directory of
# this make, but PWD is still that of the shell.
own_app = $(filter-out file,$(origin APP))
directory_of_app = $(if $(own_app),$(or $(PWD),.),tests/apps)

# systemd-socket-activate(1) plays systemd, but an app at the desk has the environment of its user.
# In a second make, because the first one has looked for the libraries before they were installed.
# Without deadlines, which would end a debugger's prompt.
run:
	$(INSTALL_DEPENDENCIES) run
	$(MAKE) --no-print-directory all
	cd '$(directory_of_app)' && \
	echo "Serving $(APP) in $$PWD on $(LISTEN), a new process for each request; Ctrl-C ends it." && \
	exec systemd-socket-activate --listen='$(LISTEN)' \
		$$(env -0 | sed -z '/^M\(AKE\|FLAGS\)/d; s/=.*//; s/^/--setenv=/' | tr '\0' ' ') \
		'$(abspath $(BUILD))/wsgi-once' --reload --idle-timeout=0 \
		--request-timeout=0 --import-timeout=0 $(if $(VENV),--venv='$(VENV)') '$(APP)'

# ---- tests ---------------------------------------------------------------------------------------

unit_tests := $(basename $(notdir $(wildcard tests/unit/test_*.c)))
fuzzers := $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c)))

$(BUILD)/tests/unit/%.o $(BUILD)/sanitize/tests/unit/%.o: own_CPPFLAGS += -Itests/unit

define unit_rule
$(1)/unit/%: $(1)/tests/unit/%.o $(1)/tests/unit/unit.o $(pure_sources:%.c=$(1)/%.o)
	$$(call say,LINK)
	$$(link)
endef
$(foreach directory,$(BUILD) $(BUILD)/sanitize,$(eval $(call unit_rule,$(directory))))

# This one has processes, and a log.
$(foreach d,$(BUILD) $(BUILD)/sanitize,$(eval $(d)/unit/test_leftovers: \
	$(addprefix $(d)/src/,server/leftovers.o log/log.o systemd/journal.o log/standard_error.o)))

# This one runs the interpreter, too.
define gateway_test_rule
$(1)/unit/test_gateway: $(1)/tests/unit/test_gateway.o $(1)/tests/unit/unit.o \
		$(patsubst %.c,$(1)/%.o,$(filter-out src/main.c,$(sources))) \
		$(python_sources:%=$(1)/%.o) $(1)/tests/unit/gateway_apps.py.o
	$$(call say,LINK)
	$$(link) $(library_flags)
endef
$(foreach directory,$(BUILD) $(BUILD)/sanitize,$(eval $(call gateway_test_rule,$(directory))))

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/tests/fuzz/fuzz_%.o $(http_sources:%.c=$(BUILD)/fuzz/%.o)
	$(call say,LINK)
	$(link)

$(BUILD)/fuzz/fuzz_conf: $(addprefix $(BUILD)/fuzz/src/generator/,conf_file.o diagnostics.o)

unit-tests: $(unit_tests:%=$(BUILD)/unit/%)

sanitized-unit-tests: $(unit_tests:%=$(BUILD)/sanitize/unit/%)

sanitized-programs: $(BUILD)/sanitize/wsgi-once $(BUILD)/sanitize/wsgi-once-generator

fuzzers: $(fuzzers:%=$(BUILD)/fuzz/%)

plain-programs: all unit-tests

# On all processors, unless whoever calls has said how many.
make_more = $(MAKE) --no-print-directory \
	$(if $(findstring --jobserver,$(MAKEFLAGS)),,--jobs="$$(nproc)")

# What the jobs need is installed and built, and no more.
check:
	needs=$$(tests/run --needs $(JOBS)) && $(INSTALL_DEPENDENCIES) $$needs
	+$(make_more) $$(tests/run --programs $(JOBS))
	BUILD=$(BUILD) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),10) NO_SKIPS=$(NO_SKIPS) tests/run $(JOBS)

check-suites: dist
	$(INSTALL_DEPENDENCIES) suites
	BUILD=$(BUILD) NO_SKIPS=$(NO_SKIPS) tests/suites $(release) $(SUITES)

fuzz:
	$(INSTALL_DEPENDENCIES) fuzz
	+$(make_more) fuzzers
	BUILD=$(BUILD) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),3600) tests/run fuzz

endurance: all
	PROGRAM=$(BUILD)/wsgi-once tests/endurance $(or $(REQUESTS),100000)

bench-report:
	$(INSTALL_DEPENDENCIES) bench
	$(MAKE) --no-print-directory all
	BUILD=$(BUILD) tests/bench/compare $(BENCH_SECONDS)
	BUILD=$(BUILD) tests/bench/report $(BENCH_RESULTS)
	echo "Read it: $(BENCH_RESULTS)/report.md"

bench: bench-report
	BUILD=$(BUILD) tests/bench/cold
	BUILD=$(BUILD) tests/bench/warm $(BENCH_SECONDS)
	BUILD=$(BUILD) tests/bench/sandbox || [ $$? -eq 77 ] # not everywhere can it be measured

scale:
	$(INSTALL_DEPENDENCIES) company
	$(MAKE) --no-print-directory all
	BUILD=$(BUILD) tests/scale/apps $(APPS) || [ $$? -eq 77 ] # as above
	BUILD=$(BUILD) tests/scale/hosts || [ $$? -eq 77 ]

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

.PHONY: all always needs-build needs-systemd install clean dist deb rpm run plain-programs \
	unit-tests sanitized-unit-tests sanitized-programs fuzzers check check-suites fuzz endurance \
	bench-report bench scale format
.SECONDARY:
.DELETE_ON_ERROR:
