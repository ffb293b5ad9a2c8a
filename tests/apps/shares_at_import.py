"""Creates shared memory at import."""

import hello
import shares_memory

memory = shares_memory.share()
app = hello.app
