"""Shares memory from its import on."""

import hello
import shares_memory

memory = shares_memory.share()
app = hello.app
