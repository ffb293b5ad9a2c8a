# wsgi-once
#
#   make            build build/wsgi-once and build/wsgi-once-generator
#   make run        serve the demo app at http://127.0.0.1:8000. APP=module:callable serves an app
#                   of the current directory (make -C DIRECTORY run); VENV is its virtual
#                   environment, by default the active one; LISTEN is another address
#   make install    install into $(DESTDIR)$(prefix) and into systemd's directories
#   make deb, rpm   build packages: see packaging/Makefile
#   make check      run the tests: see tests/Makefile, also for fuzzers and benchmarks
#   make clean      remove the build directory
#
# The project's flags come before your CFLAGS, CPPFLAGS and LDFLAGS. V=1 prints the commands,
# WERROR=1 makes warnings errors. Targets that need more than a compiler install it with the
# distribution's package manager; INSTALL_DEPENDENCIES=: prevents that.

VERSION := 0.1.0

prefix = /usr/local
bindir = $(prefix)/bin
datadir = $(prefix)/share

CC = cc
CFLAGS = -O2 -g
PKG_CONFIG = pkg-config
BUILD = build
INSTALL_DEPENDENCIES = packaging/install-dependencies

programs = $(addprefix $(BUILD)/,wsgi-once wsgi-once-generator completion)
library = $(BUILD)/wsgi-once.so

all: $(programs) $(library) $(addprefix $(BUILD)/completions/,wsgi-once _wsgi-once wsgi-once.fish)

# ---- build ---------------------------------------------------------------------------------------

# The embedded interpreter is the one of pkg-config, the distribution's, not the first in PATH.
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
	-fPIC -fvisibility=hidden -fstack-protector-strong $(hardening)
own_LDFLAGS = -fPIE -pie -Wl,-z,relro,-z,now,--as-needed
hardening = -fstack-clash-protection $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,\
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)

compile = $(CC) $(own_CPPFLAGS) $(CPPFLAGS) $(own_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
link = $(CC) $(own_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	$(library_flags)
ifeq ($(V),1)
step = @mkdir -p $(@D)
else
step = @mkdir -p $(@D); printf '  %-5s %s\n' '$(1)' '$@'
.SILENT:
endif

# Each program is one object with main() and the objects of the archive that it uses.
$(BUILD)/wsgi-once: $(BUILD)/src/main.o
$(BUILD)/wsgi-once-generator: $(BUILD)/src/generator/generator.o
$(BUILD)/completion: $(BUILD)/src/completion/completion.o
$(programs): $(BUILD)/objects.a
	$(call step,LINK)
	$(link)

# What main() loads unless it starts from an image.
$(library): own_LDFLAGS := -shared $(filter-out -fPIE -pie,$(own_LDFLAGS))
$(library): $(BUILD)/src/program.o $(BUILD)/objects.a
	$(call step,LINK)
	$(link)

mains = src/main.c src/program.c src/generator/generator.c src/completion/completion.c
sources = $(filter-out $(mains),$(wildcard src/*.c src/*/*.c)) $(wildcard src/*/*.py)

$(BUILD)/objects.a: $(patsubst %,$(BUILD)/%.o,$(sources:.c=))
	$(call step,AR)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile | needs-build
	$(call step,CC)
	$(compile)

# NAME.py becomes the C string NAME_source.
$(BUILD)/%.py.o: %.py Makefile
	$(call step,CC)
	(echo 'const char $(*F)_source[] ='; sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $<; echo ';') | \
		$(CC) $(own_CFLAGS) $(CFLAGS) -x c -c -o $@ -

# The shell completions, from the table of options.
$(BUILD)/completions/%: $(BUILD)/completion src/completion/wsgi-once.bash
	$(call step,MAKE)
	case $* in _*) $< zsh ;; *.fish) $< fish ;; \
		*) $< bash && cat src/completion/wsgi-once.bash ;; esac >$@

# The generator writes these paths into units. The file changes when one of them does.
$(BUILD)/src/generator/units.o: own_CPPFLAGS += -DPROGRAM_PATH='"$(bindir)/wsgi-once"' \
	-DLEAN_PATH='"$(datadir)/wsgi-once/lean.conf"'
$(BUILD)/src/generator/units.o: $(BUILD)/paths
$(BUILD)/paths: always
	mkdir -p $(@D)
	echo '$(bindir) $(datadir)' | cmp -s - $@ || echo '$(bindir) $(datadir)' >$@

-include $(shell find $(BUILD)/src $(BUILD)/tests -name '*.d' 2>/dev/null)

needs-build:
	$(PKG_CONFIG) --exists libsystemd python3-embed 2>/dev/null || { echo "building wsgi-once" \
		"requires $(PKG_CONFIG), libsystemd and python3-embed;" \
		"install them: packaging/install-dependencies build" >&2; exit 1; }

clean:
	rm -rf $(BUILD)

# ---- run -----------------------------------------------------------------------------------------

APP = demo:app
LISTEN = 127.0.0.1:8000
VENV = $(if $(user_app),$(VIRTUAL_ENV))

# make -C does not change PWD: it is still the directory of the user's shell.
user_app = $(filter-out file,$(origin APP))
app_directory = $(if $(user_app),$(or $(PWD),.),tests/apps)

# The second make sees the libraries that were installed just now. The app gets the user's
# environment, and no timeouts, which would end a debugger's session.
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
