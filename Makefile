# wsgi-once: build, run, test, install.
#
#   make            build build/wsgi-once
#   make run        serve the demo app on 127.0.0.1:8000 (APP=module:callable LISTEN=address)
#   make check      all tests
#   make install    into $(DESTDIR)$(prefix)
#
# CFLAGS, CPPFLAGS and LDFLAGS are yours; the project's own flags are added to them. V=1 shows the
# commands, WERROR=1 makes warnings errors.

VERSION := 0.1.0

prefix ?= /usr/local
bindir ?= $(prefix)/bin
libexecdir ?= $(prefix)/lib
mandir ?= $(prefix)/share/man

CC ?= cc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
INSTALL ?= install
CFLAGS ?= -O2 -g
BUILD ?= build
V ?= 0

ifeq ($(V),0)
quiet = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$@)';
else
quiet =
endif

# The distribution's interpreter, which the program embeds: not whatever python3 comes first in PATH.
python_version := $(shell $(PKG_CONFIG) --modversion python3-embed 2>/dev/null)
python_prefix := $(shell $(PKG_CONFIG) --variable=exec_prefix python3-embed 2>/dev/null)
python := $(python_prefix)/bin/python$(python_version)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion $(if $(filter 1,$(WERROR)),-Werror)
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2
own_CPPFLAGS = -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DPYTHON_PREFIX='"$(python_prefix)"' \
	-DPYTHON_EXECUTABLE='"$(python)"' -Isrc $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags libsystemd python3-embed))
own_CFLAGS = -std=gnu17 $(WARNINGS) $(HARDENING)
own_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LDLIBS = $(shell $(PKG_CONFIG) --libs libsystemd python3-embed)

COMPILE = $(CC) $(own_CPPFLAGS) $(CPPFLAGS) $(own_CFLAGS) $(CFLAGS) -MMD -MP
LINK = $(CC) $(own_CFLAGS) $(CFLAGS) $(own_LDFLAGS) $(LDFLAGS)

sources := $(wildcard src/*.c src/*/*.c)
objects := $(sources:%.c=$(BUILD)/%.o)

all: $(BUILD)/wsgi-once

$(BUILD)/wsgi-once: $(objects)
	$(call quiet,LINK)$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c Makefile | $(BUILD)/needs
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) -c -o $@ $<

-include $(objects:.o=.d)
$(BUILD)/needs:
	@mkdir -p $(BUILD) && touch $@
.PHONY: all
