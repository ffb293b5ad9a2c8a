# wsgi-once
#
#   make            build build/wsgi-once and build/wsgi-once-generator
#   make run        serve the demo app at http://127.0.0.1:8000; APP=module:callable serves an app in
#                   the current directory (make -C DIRECTORY run), VENV sets its virtual environment
#                   (default: the active one), LISTEN another address
#   make install    install into $(DESTDIR)$(prefix), and into the directories that systemd reads
#   make check      run the tests; see tests/Makefile for more tests, fuzzers and benchmarks
#   make deb, rpm   build packages; see packaging/Makefile
#   make clean      remove the build directory
#
# CFLAGS, CPPFLAGS and LDFLAGS are yours; the project adds what it needs. V=1 shows the commands,
# WERROR=1 makes warnings errors. Targets that need more than a compiler install it with the package
# manager of the distribution; INSTALL_DEPENDENCIES=: prevents that.

VERSION := 0.1.0

prefix = /usr/local
bindir = $(prefix)/bin
datadir = $(prefix)/share
mandir = $(datadir)/man
zshdir = $(datadir)/zsh/site-functions
# The group that may connect to the sockets: the group of the distribution's front server.
SOCKET_GROUP = www-data

CC = cc
CFLAGS = -O2 -g
INSTALL = install
PKG_CONFIG = pkg-config
BUILD = build
INSTALL_DEPENDENCIES = packaging/install-dependencies

APP = demo:app
LISTEN = 127.0.0.1:8000
VENV = $(if $(own_app),$(VIRTUAL_ENV))

all: $(addprefix $(BUILD)/,wsgi-once wsgi-once-generator \
	$(addprefix completions/,wsgi-once _wsgi-once wsgi-once.fish))

# ---- build ---------------------------------------------------------------------------------------

# Embeds the interpreter that pkg-config knows, which is the distribution's, whatever python3 comes
# first in PATH.
pkg_config = $(shell $(PKG_CONFIG) $(1) 2>/dev/null)
python_version := $(call pkg_config,--modversion python3-embed)
python_prefix := $(call pkg_config,--variable=exec_prefix python3-embed)
library_flags := $(call pkg_config,--libs libsystemd python3-embed)

own_CPPFLAGS := -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
	-DLIBSYSTEMD_VERSION='"$(call pkg_config,--modversion libsystemd)"' \
	-DPYTHON_PREFIX='"$(python_prefix)"' \
	-DPYTHON_EXECUTABLE='"$(python_prefix)/bin/python$(python_version)"' \
	-Isrc $(patsubst -I%,-isystem %,$(call pkg_config,--cflags libsystemd python3-embed))
own_CFLAGS = -std=gnu17 -Wall -Wextra -Wshadow -Wconversion $(if $(WERROR),-Werror) \
	-fPIE -fstack-protector-strong $(hardening)
own_LDFLAGS = -fPIE -pie -Wl,-z,relro,-z,now,--as-needed
hardening = -fstack-clash-protection $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,\
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)

compile = $(CC) $(own_CPPFLAGS) $(CPPFLAGS) $(own_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
link = $(CC) $(own_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(library_flags)
ifeq ($(V),1)
say = @mkdir -p $(@D)
else
say = @mkdir -p $(@D); printf '  %-5s %s\n' '$(1)' '$@';
.SILENT:
endif

# The programs: each is one object with main(), and what it needs of the others.
mains = src/main.c src/generator/generator.c src/completion/completion.c
sources = $(filter-out $(mains),$(wildcard src/*.c src/*/*.c)) $(wildcard src/*/*.py)

$(BUILD)/objects.a: $(patsubst %,$(BUILD)/%.o,$(sources:.c=))
	$(call say,AR)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/wsgi-once: $(BUILD)/src/main.o $(BUILD)/objects.a
	$(call say,LINK)
	$(link)

$(BUILD)/wsgi-once-generator: $(BUILD)/src/generator/generator.o $(BUILD)/objects.a
	$(call say,LINK)
	$(link)

# Prints the completions of shells from the table of options.
$(BUILD)/completion: $(BUILD)/src/completion/completion.o $(BUILD)/objects.a
	$(call say,LINK)
	$(link)

$(BUILD)/completions/%: $(BUILD)/completion src/completion/wsgi-once.bash
	$(call say,MAKE)
	case $* in _*) $< zsh ;; *.fish) $< fish ;; *) $< bash && cat src/completion/wsgi-once.bash; esac >$@

$(BUILD)/%.o: %.c Makefile | needs-build
	$(call say,CC)
	$(compile)

# NAME.py becomes the C string NAME_source.
$(BUILD)/%.py.o: %.py Makefile
	$(call say,CC)
	(echo 'const char $(*F)_source[] ='; sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $<; echo ';') | \
		$(CC) $(own_CFLAGS) $(CFLAGS) -x c -c -o $@ -

# The units name the place of the program.
$(BUILD)/src/generator/units.o: own_CPPFLAGS += -DPROGRAM_PATH='"$(bindir)/wsgi-once"' \
	-DLEAN_PATH='"$(datadir)/wsgi-once/lean.conf"'
$(BUILD)/src/generator/units.o: $(BUILD)/paths
$(BUILD)/paths: always
	mkdir -p $(@D)
	echo '$(bindir) $(datadir)' | cmp -s - $@ || echo '$(bindir) $(datadir)' >$@

-include $(shell find $(BUILD)/src $(BUILD)/tests -name '*.d' 2>/dev/null)

needs-build:
	command -v $(PKG_CONFIG) >/dev/null && $(PKG_CONFIG) --exists libsystemd python3-embed || { \
		echo "building wsgi-once requires $(PKG_CONFIG), libsystemd and python3-embed;" \
			"install them: packaging/install-dependencies build" >&2; exit 1; }

clean:
	rm -rf $(BUILD)

# ---- run -----------------------------------------------------------------------------------------

# PWD is the directory of the user's shell, which -C has changed for this make only. The demo is in
# tests/apps.
own_app = $(filter-out file,$(origin APP))
app_directory = $(if $(own_app),$(or $(PWD),.),tests/apps)

# In a second make, because the first one looked for the libraries before they were installed. The
# app gets the environment of the user; no deadlines, which would end a debugger's prompt.
run:
	$(INSTALL_DEPENDENCIES) run
	$(MAKE) --no-print-directory all
	cd '$(app_directory)' && \
	echo "Serving $(APP) in $$PWD on $(LISTEN), one process per request; press Ctrl-C to stop." && \
	exec systemd-socket-activate --listen='$(LISTEN)' \
		$$(env -0 | sed -z '/^M\(AKE\|FLAGS\)/d; s/=.*//; s/^/--setenv=/' | tr '\0' ' ') \
		'$(abspath $(BUILD))/wsgi-once' --reload --idle-timeout=0 \
		--request-timeout=0 --import-timeout=0 $(if $(VENV),--venv='$(VENV)') '$(APP)'

include packaging/Makefile tests/Makefile

.PHONY: all always clean needs-build run
